/** Carries out a journal that is complete when it is written: no scripts run, nothing is decided on the way. ADR 0005. */
import { commitJournal, touchedDirectories, uncommitJournal, writeJournal, type Journal } from './journal.js';
import { perform } from './operations.js';
import { finish, rollBack } from './recover.js';
import type { OpenRoot } from './root.js';

/** From the journal to the commit, and back when something fails. @throws what failed; the root is as before then */
export async function carryOut({ disk, state }: OpenRoot, journal: Journal): Promise<void> {
  let length: number | undefined;
  try {
    length = writeJournal(disk, state, journal);
    for (const operation of journal.operations) perform(disk, operation);
    await disk.flush(touchedDirectories(journal.operations), journal.areas);
    commitJournal(disk, state);
  } catch (error) {
    if (disk.exists(state.journal)) {
      // a mark that may or may not have reached the disk
      if (length !== undefined) uncommitJournal(disk, state, length);
      await rollBack(disk, state, journal);
    }
    throw error;
  }
  finish(disk, state, journal);
}
