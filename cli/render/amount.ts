/** How far something is, in its own unit. */
import { size } from './table.js';

/** `3.1 MB of 4.0 MB`, `3 of 4`, `77 %`; without a total (0) what is done. */
export function amount({
  unit,
  done,
  total,
}: {
  readonly unit: 'bytes' | 'items' | 'parts';
  readonly done: number;
  readonly total: number;
}): string {
  if (unit === 'parts') return total > 0 ? `${Math.floor(Math.min(1, done / total) * 100)} %` : '';
  const show = (n: number): string => (unit === 'bytes' ? size(n) : String(n));
  return total > 0 ? `${show(done)} of ${show(total)}` : show(done);
}
