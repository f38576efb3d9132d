/**
 * A file system made for one benchmark: ext4 makes files many times more slowly where many were removed in the minutes before, and others
 * write to the disk that everybody has. Needs root and loop devices; without them the benchmark runs where it is, and says so.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where a benchmark may write. */
export interface OwnDisk {
  readonly folder: string;
  /** Unmounts and removes it. */
  close(): void;
}

const BYTES = 14 * 1024 ** 3;

/** An ext4 file system of 14 GiB (sparse), made anew, as the folder for temporary files of this process and of those that it starts. */
export function ownDisk(say: (text: string) => void): OwnDisk {
  const base = mkdtempSync(join(tmpdir(), 'gtpkg-disk-'));
  const [image, folder, before] = [join(base, 'image'), join(base, 'mounted'), process.env['TMPDIR']];
  mkdirSync(folder);
  let mounted = false;
  try {
    execFileSync('truncate', ['-s', String(BYTES), image]);
    execFileSync('mkfs.ext4', ['-q', '-F', '-E', 'lazy_itable_init=0,lazy_journal_init=0', image], {
      stdio: 'pipe',
    });
    execFileSync('mount', ['-o', 'loop', image, folder], { stdio: 'pipe' });
    mounted = true;
  } catch (error) {
    say(
      `no file system of its own (${String(error).split('\n')[0] ?? ''}): figures depend on what was removed from this one`,
    );
  }
  process.env['TMPDIR'] = folder;
  return {
    folder,
    close: () => {
      if (before === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = before;
      if (mounted) execFileSync('umount', [folder]);
      rmSync(base, { recursive: true, force: true });
    },
  };
}
