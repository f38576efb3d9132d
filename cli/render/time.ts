/** Times as people read them: local, to the second. `--json` has them in ISO 8601, UTC. */

const two = (n: number): string => String(n).padStart(2, '0');

/** `2026-11-22 13:06:17`, in the time zone of this machine. What is no date is given back as it is. */
export function time(iso: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** `2026-12-22 (in 30 days)`: until when something is valid. */
export function until(iso: string, now = new Date()): string {
  const days = Math.round((new Date(iso).getTime() - now.getTime()) / 86_400_000);
  if (Number.isNaN(days)) return iso;
  const distance =
    days === 0
      ? 'today'
      : days > 0
        ? `in ${days} day${days === 1 ? '' : 's'}`
        : `${-days} day${days === -1 ? '' : 's'} ago`;
  return `${time(iso).slice(0, 10)} (${distance})`;
}
