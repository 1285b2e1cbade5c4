import js from '@eslint/js'
import tseslint from 'typescript-eslint'

const pathname = {
  selector: "MemberExpression[property.name='pathname']",
  message: 'A URL’s path is percent-encoded: fileURLToPath gives the name of the file.',
}
const cpSync = {
  selector: "ImportSpecifier[imported.name='cpSync'], MemberExpression[property.name='cpSync']",
  message: 'From Node 22 on it gives folders new modes: copyFolder of the tests keeps them.',
}

export default tseslint.config(
  {
    ignores: [
      'dist/**',
      'release/**',
      'node_modules/**',
      'coverage/**',
      'test/corpus/**',
      'test/vectors/**',
    ],
  },
  js.configs.recommended,
  {
    rules: {
      'no-restricted-syntax': ['error', pathname],
    },
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      'no-restricted-syntax': ['error', pathname, cpSync],
      'no-shadow': 'off',
      '@typescript-eslint/no-shadow': ['error', { allow: ['name', 'region'] }],
      // Lengths were checked just before, or the table is total: the assertion says so shortly.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // A port's in-memory side and a generator keep the signature of the side that waits.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
    },
  },
  {
    files: ['**/*.mjs', '**/*.js'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        URL: 'readonly',
        Buffer: 'readonly',
        performance: 'readonly',
        setTimeout: 'readonly',
      },
    },
  },
  {
    files: ['bin/*.js'],
    languageOptions: {
      sourceType: 'commonjs',
      globals: { require: 'readonly', exports: 'readonly', __dirname: 'readonly' },
    },
  },
  {
    // Any Node must be able to read it, to be told which one is needed.
    files: ['bin/nomad-pki.js'],
    languageOptions: { ecmaVersion: 3, sourceType: 'script' },
  },
)
