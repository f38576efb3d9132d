/**
 * Progress as data. Workflows emit events, `cli/render` draws them; nothing below the CLI prints.
 */

/**
 * One step of work. `id` names the bar it moves; `total` is absent while it is not known; `note` says what is done right now.
 * `parts`: shares of the whole that mean nothing by themselves, to be shown as a percentage. docs/formats/events.md.
 */
export type ProgressEvent =
  | {
      readonly kind: 'start';
      readonly id: string;
      readonly label: string;
      readonly total?: number;
      readonly unit?: 'bytes' | 'items' | 'parts';
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
