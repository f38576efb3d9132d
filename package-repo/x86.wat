;; The inner loop of x86.ts, sixteen bytes at a time. scripts/wasm.mjs makes x86-wasm.ts of it.
(module
  (memory (export "memory") 1)

  ;; The 32 bits at $at count from $base on; what is too far away stays.
  (func $rewrite (param $at i32) (param $by i32)
    (local $top i32)
    (local $value i32)
    (local.set $top (i32.load8_u offset=3 (local.get $at)))
    (if (i32.and (i32.ne (local.get $top) (i32.const 0)) (i32.ne (local.get $top) (i32.const 255)))
      (then (return)))
    (local.set $value (i32.add (i32.load (local.get $at)) (local.get $by)))
    (i32.store16 (local.get $at) (local.get $value))
    (i32.store8 offset=2 (local.get $at) (i32.shr_u (local.get $value) (i32.const 16)))
    (i32.store8 offset=3 (local.get $at)
      (select (i32.const 255) (i32.const 0) (i32.and (local.get $value) (i32.const 0x1000000)))))

  ;; Bytes $at up to $stop are looked at, $length there are; the byte at 0 is the file's $position; $sign is 1 or -1. Returns how far it got.
  (func (export "convert")
    (param $at i32) (param $stop i32) (param $length i32) (param $position i32) (param $sign i32)
    (result i32)
    (local $here v128)
    (local $byte i32)
    (local $mask i32)
    (block $end
      (loop $next
        (br_if $end (i32.ge_s (local.get $at) (local.get $stop)))
        (if (i32.le_s (i32.add (local.get $at) (i32.const 18)) (local.get $length))
          (then
            (local.set $here (v128.load (local.get $at)))
            (local.set $mask (i8x16.bitmask (v128.or
              (i8x16.eq (v128.and (local.get $here) (v128.const i8x16 254 254 254 254 254 254 254 254 254 254 254 254 254 254 254 254))
                        (v128.const i8x16 232 232 232 232 232 232 232 232 232 232 232 232 232 232 232 232))
              (v128.and
                (i8x16.eq (v128.and (local.get $here) (v128.const i8x16 251 251 251 251 251 251 251 251 251 251 251 251 251 251 251 251))
                          (v128.const i8x16 72 72 72 72 72 72 72 72 72 72 72 72 72 72 72 72))
                (i8x16.eq (v128.and (v128.load offset=2 (local.get $at)) (v128.const i8x16 199 199 199 199 199 199 199 199 199 199 199 199 199 199 199 199))
                          (v128.const i8x16 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5))))))
            (if (i32.eqz (local.get $mask))
              (then
                (local.set $at (i32.add (local.get $at) (i32.const 16)))
                (br $next)))
            (local.set $at (i32.add (local.get $at) (i32.ctz (local.get $mask))))
            (br_if $end (i32.ge_s (local.get $at) (local.get $stop)))))
        (local.set $byte (i32.load8_u (local.get $at)))
        (if (i32.eq (i32.and (local.get $byte) (i32.const 254)) (i32.const 232))
          (then
            (call $rewrite (i32.add (local.get $at) (i32.const 1))
              (i32.mul (local.get $sign) (i32.add (local.get $position) (i32.add (local.get $at) (i32.const 5)))))
            (local.set $at (i32.add (local.get $at) (i32.const 5)))
            (br $next)))
        (if (i32.and (i32.eq (i32.and (local.get $byte) (i32.const 251)) (i32.const 72))
                     (i32.le_s (i32.add (local.get $at) (i32.const 7)) (local.get $length)))
          (then
            (if (i32.and (i32.ne (i32.and (i32.load8_u offset=1 (local.get $at)) (i32.const 254)) (i32.const 232))
                         (i32.eq (i32.and (i32.load8_u offset=2 (local.get $at)) (i32.const 199)) (i32.const 5)))
              (then
                (call $rewrite (i32.add (local.get $at) (i32.const 3))
                  (i32.mul (local.get $sign) (i32.add (local.get $position) (i32.add (local.get $at) (i32.const 7)))))
                (local.set $at (i32.add (local.get $at) (i32.const 7)))
                (br $next)))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    (local.get $at)))
