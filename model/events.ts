/**
 * Progress as data. Workflows emit events, `cli/render` draws them; nothing below the CLI prints.
 */

/** One step of work. `id` names the bar it moves; `total` is absent while it is not known. */
export type ProgressEvent =
  | {
      readonly kind: 'start';
      readonly id: string;
      readonly label: string;
      readonly total?: number;
      readonly unit?: 'bytes' | 'items';
    }
  | {
      readonly kind: 'advance';
      readonly id: string;
      readonly done: number;
      readonly total?: number;
      readonly note?: string;
    }
  | { readonly kind: 'end'; readonly id: string }
  | { readonly kind: 'note'; readonly text: string }
  | { readonly kind: 'warning'; readonly text: string };

/** Takes events as they happen; must not throw and must not block. */
export type Report = (event: ProgressEvent) => void;

/** Swallows everything: for callers that show no progress. */
export const silent: Report = () => undefined;
