/** A transaction that diverts, with one more package whose postinst waits for ever, to be killed meanwhile: divert-child.js DIR STORY. */
import { STORIES } from '../installer/diverting.js';
import * as h from '../installer/helpers.js';

const [dir = '', story = ''] = process.argv.slice(2);
const waiting = h.install({
  name: 'zz',
  scripts: { postinst: '#!/bin/sh\nif [ "$1" = configure ]; then touch "$DPKG_ROOT/now"; sleep 300; fi\n' },
});
await h.run(dir, [...(STORIES[story]?.then() ?? []), waiting], { scripts: { how: 'outside' } });
