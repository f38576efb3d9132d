/**
 * Loaded before everything else (`NODE_OPTIONS=--import=…`): the process believes the time that GTPKG_TEST_CLOCK milliseconds from now will
 * be. What waits and measures (performance.now, timers) goes on as it is, as on a machine whose clock is set wrongly.
 */
const shift = Number(process.env['GTPKG_TEST_CLOCK'] ?? 0);
const Real = Date;

globalThis.Date = new Proxy(Real, {
  construct: (target, args: unknown[], newTarget) =>
    Reflect.construct(target, args.length === 0 ? [Real.now() + shift] : args, newTarget) as Date,
  apply: () => new Real(Real.now() + shift).toString(),
  get: (target, name) =>
    name === 'now' ? () => Real.now() + shift : (Reflect.get(target, name, target) as unknown),
});
