/** .debs that dpkg can unpack into a root that has nothing: their preinst scripts, which nothing there could run, are taken out. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { cached } from './debs.js';

/** An ar archive's members. */
function members(bytes: Buffer): { head: Buffer; name: string; body: Buffer }[] {
  const out = [];
  for (let at = 8; at + 60 <= bytes.length;) {
    const size = Number(bytes.toString('latin1', at + 48, at + 58));
    const head = bytes.subarray(at, at + 60);
    out.push({
      head,
      name: head.toString('latin1', 0, 16).trim().replace(/\/$/, ''),
      body: bytes.subarray(at + 60, at + 60 + size),
    });
    at += 60 + size + (size % 2);
  }
  return out;
}

/** Copies of the .debs without preinst scripts; the others are the same files. */
export function withoutPreinst(files: readonly string[]): Promise<string> {
  const id = createHash('sha256').update(files.join('\n')).digest('hex').slice(0, 16);
  return cached(['unscripted', id], async (draft) => {
    for (const file of files) {
      const parts = members(await readFile(file));
      const out: Buffer[] = [Buffer.from('!<arch>\n')];
      for (const { head, name, body } of parts) {
        const fresh = name.startsWith('control.tar') ? repacked(body, name) : body;
        const line: Buffer = Buffer.from(head);
        line.write(String(fresh.length).padEnd(10), 48, 'latin1');
        out.push(line, fresh, Buffer.alloc(fresh.length % 2, '\n'));
      }
      await writeFile(join(draft, basename(file)), Buffer.concat(out));
    }
  });
}

function repacked(control: Buffer, name: string): Buffer {
  const packer = { '.xz': 'xz', '.gz': 'gzip', '.zst': 'zstd' }[name.slice('control.tar'.length)];
  if (packer === undefined) throw new Error(`no program for ${name}`);
  const tar = execFileSync(packer, ['-dc'], { input: control });
  if (!execFileSync('tar', ['-t'], { input: tar }).toString().split('\n').includes('./preinst'))
    return control;
  const script = `d=$(mktemp -d) && cat > $d.tar && tar -xf $d.tar -C $d && rm $d/preinst && tar -cf - -C $d . ; rm -r $d $d.tar`;
  return execFileSync(packer, ['-c'], { input: execFileSync('bash', ['-c', script], { input: tar }) });
}
