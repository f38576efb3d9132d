/**
 * Makes package-repo/x86-wasm.ts of package-repo/x86.wat. What it makes is kept with the sources; a test makes it again and compares.
 *
 *     node scripts/wasm.mjs > package-repo/x86-wasm.ts
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import wabt from 'wabt';

const path = fileURLToPath(new URL('../package-repo/x86.wat', import.meta.url));
const module = (await wabt()).parseWat('x86.wat', readFileSync(path, 'utf8'), { simd: true });
module.validate();
const { buffer } = module.toBinary({});
process.stdout.write(
  `/** Made of x86.wat by scripts/wasm.mjs. */\nexport const X86_WASM =\n  '${Buffer.from(buffer).toString('base64')}';\n`,
);
