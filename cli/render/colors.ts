/**
 * Colours for each of the two outputs, as that output can show them: on a terminal, unless NO_COLOR is set or TERM is
 * dumb; elsewhere only where FORCE_COLOR asks for them.
 */
import pico from 'picocolors';

/** Functions that paint, or leave a text as it is. */
export type Colors = ReturnType<typeof pico.createColors>;

/** Whether a stream shows colours. https://no-color.org: set and not empty. */
export function showsColors(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean {
  if ((env['NO_COLOR'] ?? '') !== '') return false;
  const forced = env['FORCE_COLOR'];
  if (forced !== undefined && forced !== '') return forced !== '0' && forced !== 'false';
  return stream.isTTY === true && env['TERM'] !== 'dumb';
}

/** For results. */
export const out: Colors = pico.createColors(showsColors(process.stdout, process.env));
/** For notes, failures and bars. */
export const err: Colors = pico.createColors(showsColors(process.stderr, process.env));
