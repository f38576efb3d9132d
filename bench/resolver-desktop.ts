/** The resolver beside apt on a whole desktop: its upgrade to trixie, and what of it is no longer needed. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ResolvedPlan } from '../cli/workflows/resolve.js';
import { aptConfig, stanzasByRelease, uninstallableByDose, type Suite } from './resolver-data.js';
import { folder, gtpkg, OUTPUT, results, run, same, say, seconds } from './resolver-run.js';

const DESKTOP =
  'gnome vim git build-essential firefox-esr thunderbird openssh-server apt linux-image-amd64 grub-pc network-manager cups inkscape';

export async function upgrade(bookworm: Suite, trixie: Suite, dose: string): Promise<void> {
  const releases = stanzasByRelease(await readFile(bookworm.packages, 'utf8'));
  const base = [...releases].flatMap(([id, stanza]) =>
    /^(Essential: yes|Priority: (required|important))$/m.test(stanza) ? [id.split(' ')[0] ?? ''] : [],
  );
  const desktop = await gtpkg<ResolvedPlan>(
    '--packages',
    bookworm.packages,
    'install',
    ...new Set([...DESKTOP.split(' '), ...base]),
  );
  const home = join(folder, 'desktop');
  await mkdir(home);
  const status = join(home, 'status');
  const states = join(home, 'extended_states');
  const stanza = (name: string, version: string): string => releases.get(`${name} ${version}`) ?? '';
  await writeFile(
    status,
    desktop.steps
      .map(({ name, version }) => stanza(name, version).replace('\n', '\nStatus: install ok installed\n'))
      .join('\n\n') + '\n',
  );
  await writeFile(
    states,
    desktop.steps
      .filter(({ auto }) => auto)
      .map(({ name }) => `Package: ${name}\nArchitecture: amd64\nAuto-Installed: 1\n`)
      .join('\n'),
  );
  const config = await aptConfig(home, { lists: trixie.folder, status, keep: true });
  const apt = async (): Promise<string> =>
    (await run('apt-get', ['-s', 'dist-upgrade'], { ...OUTPUT, env: { ...process.env, APT_CONFIG: config } }))
      .stdout;
  const args = [
    '--packages',
    trixie.packages,
    '--status',
    status,
    '--extended-states',
    states,
    'upgrade',
    '--full',
  ];
  // both have their caches
  await gtpkg(...args);
  await run('apt-get', ['-s', 'install', 'dpkg'], { ...OUTPUT, env: { ...process.env, APT_CONFIG: config } });
  const ours = await seconds(() => gtpkg<ResolvedPlan>(...args));
  const theirs = await seconds(apt);
  const count = (action: string): number => ours.value.steps.filter((step) => step.action === action).length;
  const after = new Map(desktop.steps.map(({ name, version }) => [name, version]));
  for (const step of ours.value.steps) {
    if (step.action === 'remove') after.delete(step.name);
    else after.set(step.name, step.version);
  }
  const lost = desktop.steps.filter(({ name, auto }) => !auto && !after.has(name)).map(({ name }) => name);
  const newer = stanzasByRelease(await readFile(trixie.packages, 'utf8'));
  const file = join(home, 'after');
  const kept = [...after].map(([name, version]) => newer.get(`${name} ${version}`) ?? stanza(name, version));
  const depends = [...after].map(([name, version]) => `${name} (= ${version})`).join(', ');
  await writeFile(
    file,
    `${kept.join('\n\n')}\n\nPackage: zz-all\nVersion: 1\nArchitecture: all\nDepends: ${depends}\n`,
  );
  const broken = await uninstallableByDose(dose, file);
  const aptSays =
    /^(\d+) upgraded, (\d+) newly installed, (\d+) to remove and (\d+) not upgraded/m.exec(
      theirs.value,
    )?.[0] ?? '';
  say(
    `a desktop of ${desktop.steps.length} packages to trixie: ${count('upgrade')} upgraded, ${count('install')} new, ${count('remove')} removed, ${ours.value.heldBack.length} held back in ${ours.took.toFixed(2)} s`,
  );
  say(
    `  apt-get -s dist-upgrade: ${aptSays} in ${theirs.took.toFixed(1)} s; ratio ${(ours.took / theirs.took).toFixed(3)} (must be ≤ 0.3)`,
  );
  say(
    `  ${broken.length === 0 ? 'valid by dose-debcheck' : `NOT VALID: ${broken.join(', ')}`}; manual packages removed: ${lost.length === 0 ? 'none' : lost.join(' ')}`,
  );
  results['upgrade'] = {
    packages: desktop.steps.length,
    seconds: ours.took,
    apt: theirs.took,
    valid: broken.length === 0,
    lost,
  };
}

/** What is no longer needed once a few packages of a desktop came as dependencies only, by apt and by gtpkg. */
export async function autoremove(bookworm: Suite): Promise<void> {
  const releases = stanzasByRelease(await readFile(bookworm.packages, 'utf8'));
  const desktop = await gtpkg<ResolvedPlan>(
    '--packages',
    bookworm.packages,
    'install',
    ...DESKTOP.split(' '),
  );
  const home = join(folder, 'autoremove');
  await mkdir(home);
  const [status, states] = [join(home, 'status'), join(home, 'extended_states')];
  const there = desktop.steps.map(
    ({ name, version }) =>
      releases.get(`${name} ${version}`)?.replace('\n', '\nStatus: install ok installed\n') ?? '',
  );
  await writeFile(status, `${there.join('\n\n')}\n`);
  const config = await aptConfig(home, { lists: bookworm.folder, status, keep: true });
  const counts: string[] = [];
  let equal = true;
  const without = (kept: string): string =>
    DESKTOP.split(' ')
      // Debian's configuration of apt (NeverAutoRemove) keeps kernels whatever their mark is
      .filter((name) => name !== kept && name !== 'linux-image-amd64')
      .join(' ');
  for (const unwanted of ['gnome cups network-manager', without('git'), without('cups'), without('vim')]) {
    const auto = desktop.steps.filter((step) => step.auto || unwanted.split(' ').includes(step.name));
    await writeFile(
      states,
      auto.map(({ name }) => `Package: ${name}\nArchitecture: amd64\nAuto-Installed: 1\n`).join('\n'),
    );
    const args = ['--packages', bookworm.packages, '--status', status, '--extended-states', states];
    const ours = (await gtpkg<ResolvedPlan>(...args, 'autoremove')).steps.map(({ name }) => name).sort();
    // apt's default; images for containers turn it off
    const keeps = ['-o', 'APT::AutoRemove::SuggestsImportant=true'];
    const { stdout } = await run('apt-get', ['-s', ...keeps, 'autoremove'], {
      ...OUTPUT,
      env: { ...process.env, APT_CONFIG: config },
    });
    const theirs = [...stdout.matchAll(/^Remv (\S+)/gm)].map(([, name = '']) => name).sort();
    equal &&= same(ours, theirs);
    counts.push(`${ours.length} (apt ${theirs.length})`);
    const [more, less] = [
      ours.filter((each) => !theirs.includes(each)),
      theirs.filter((each) => !ours.includes(each)),
    ];
    if (more.length + less.length > 0)
      say(`  only here: ${more.join(' ') || '-'}; only there: ${less.join(' ') || '-'}`);
  }
  say(
    `autoremove, ${counts.length} times: ${counts.join(', ')}; ${equal ? 'the same sets' : 'NOT THE SAME'}`,
  );
  results['autoremove'] = { equal, counts };
}
