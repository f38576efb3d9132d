/**
 * Lint: what the compiler does not say. Walls between rooms are TypeScript project references; here stand the
 * few rules about trust and purity that need a list of files.
 */
import tseslint from 'typescript-eslint';

/** The only files that may mint `Verified<…>`: docs/threat-model.md. */
const MINTS_VERIFIED = ['package-repo/verify.ts', 'index-repo/trusted-index.ts'];

const noMinting = {
  group: ['**/verified.js'],
  importNames: ['markVerified'],
  message: 'Only package-repo/verify.ts and the trust machine of index-repo mint Verified<…>.',
};
const lazyOpenpgp = {
  group: ['openpgp', 'openpgp/*'],
  allowTypeImports: true,
  message: 'Loading openpgp costs start-up time: go through trust/openpgp.ts.',
};
const noNode = {
  group: ['node:*', 'fs', 'fs/*', 'path', 'crypto', 'os', 'child_process'],
  message: 'This room is pure: no IO, no clock, no randomness.',
};

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'fixtures/vectors/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'off' } },
  ...tseslint.configs.recommended,
  {
    rules: {
      eqeqeq: 'error',
      'no-constant-binary-expression': 'error',
      'no-self-compare': 'error',
      'no-template-curly-in-string': 'error',
      'no-var': 'error',
      'prefer-const': 'error',
    },
  },
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': [
        'error',
        { fixStyle: 'inline-type-imports', disallowTypeAnnotations: false },
      ],
      '@typescript-eslint/no-floating-promises': ['error', { ignoreVoid: true }],
      '@typescript-eslint/no-misused-promises': [
        'error',
        { checksVoidReturn: { arguments: false, attributes: false } },
      ],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'none' },
      ],
      '@typescript-eslint/no-restricted-imports': ['error', { patterns: [noMinting, lazyOpenpgp] }],
      'max-lines': ['warn', { max: 300 }],
    },
  },
  {
    files: ['model/**/*.ts', 'resolver/**/*.ts', 'trust/keynote/**/*.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': ['error', { patterns: [noMinting, lazyOpenpgp, noNode] }],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'This room has no clock.' },
        { object: 'Math', property: 'random', message: 'This room is deterministic.' },
        { object: 'performance', property: 'now', message: 'This room has no clock.' },
      ],
    },
  },
  {
    files: MINTS_VERIFIED,
    rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns: [lazyOpenpgp] }] },
  },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts', 'fixtures/**/*.ts'],
    rules: {
      // tests forge what nobody else may
      '@typescript-eslint/no-restricted-imports': 'off',
      '@typescript-eslint/triple-slash-reference': 'off',
      // node:test takes the promises of describe, test and hooks
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          ignoreVoid: true,
          allowForKnownSafeCalls: [
            { from: 'package', package: 'node:test', name: ['test', 'describe', 'it', 'suite'] },
          ],
        },
      ],
      'max-lines': 'off',
    },
  },
  { files: ['**/*.d.ts'], rules: { 'max-lines': 'off' } },
);
