/**
 * A publisher in a process of its own: `node dist/bench/index-change.js HOME COUNT ROUND` gives COUNT packages of the full index a new version.
 */
import { enlistParagraphs, fullIndex, rebuilt, some } from './index-home.js';

const [home = '', count = '100', round = '1'] = process.argv.slice(2);
const { paragraphs } = await fullIndex(() => undefined);
await enlistParagraphs(
  home,
  some(paragraphs, Number(count)).map((paragraph) => rebuilt(paragraph, Number(round))),
);
