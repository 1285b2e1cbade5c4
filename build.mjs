// Builds dist/: the library and the command, bundled with the packages they use (start-up costs half);
// the packages' licences and a list of them (CycloneDX); declarations; the JSON schemas.
//   node build.mjs [FOLDER] [--fast]     --fast leaves the declarations out
//   node build.mjs --single FILE         the command as one file instead
import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createRequire, isBuiltin } from 'node:module'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { chunksOf, link } from './link.mjs'

const root = dirname(fileURLToPath(import.meta.url))
const fast = process.argv.includes('--fast')
const single = process.argv.includes('--single')
const place = process.argv.slice(2).find((word) => !word.startsWith('--'))
if (single && place === undefined) throw new Error('--single FILE')
const out = resolve(place ?? join(root, 'dist'))
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

let esbuild
try {
  esbuild = await import('esbuild')
} catch {
  // `npm ci --omit=dev` in a clone runs `prepare` without what builds.
  console.error('nomad-pki: not built, because esbuild is not installed (it is a devDependency)')
  process.exit(0)
}

/**
 * What becomes chunks of its own, and so is loaded only where it is used: configurations of agents, which
 * not every spec names. The others keep what both need out of that chunk.
 */
const parts = {
  agent: 'src/agent/index.ts',
  identities: 'src/checks/identity.ts',
  spec: 'src/cluster/new-spec.ts',
}
const entries = { index: 'src/index.ts', hcl: 'src/hcl/index.ts', cli: 'src/cli/run.ts' }
const shared = {
  absWorkingDir: root,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: `node${manifest.engines.node.replace('>=', '')}`,
  // jsonc-parser's CommonJS half asks for its parts in a way that no bundler sees.
  mainFields: ['module', 'main'],
  // For Node the package points at its CommonJS half, of which nothing can be left out.
  alias: { yaml: join(root, 'node_modules/yaml/browser/index.js') },
  legalComments: 'none',
  logLevel: 'warning',
  // What is written names files by where they are below this folder, also where node_modules is a link.
  preserveSymlinks: true,
}

/** commander runs subcommands that are programs of their own; ours are not. */
const withoutChildProcess = {
  name: 'without child_process',
  setup(build) {
    build.onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
      /node_modules\/commander\//.test(importer) ? { path: 'none', namespace: 'none' } : undefined,
    )
    build.onLoad({ filter: /.*/, namespace: 'none' }, () => ({ contents: 'module.exports = {}' }))
  },
}

/** Asked for when something of it is used: `isIP` alone needs all of the sockets' code. */
const slow = new Set(['node:net', 'node:tls', 'node:timers/promises', 'node:os', 'node:zlib'])

/**
 * An import of `node:fs` reads every property of the module, and so loads what stands behind its lazy
 * ones (streams, webcrypto, process.report): 8 ms of a start. A require does not.
 */
const builtinsByRequire = {
  name: 'builtins by require',
  setup(build) {
    build.onResolve({ filter: /^node:/ }, ({ path, kind, namespace }) =>
      kind === 'import-statement' && namespace !== 'builtin'
        ? { path, namespace: 'builtin' }
        : undefined,
    )
    build.onLoad({ filter: /.*/, namespace: 'builtin' }, async ({ path }) => ({
      contents: slow.has(path)
        ? Object.keys(await import(path))
            .filter((name) => name !== 'default')
            .map((name) => `get ${name}() { return require(${JSON.stringify(path)}).${name} }`)
            .join(',')
            .replace(/^[^]*$/, 'module.exports = {$&}')
        : namesOf(await import(path), path),
    }))
  },
}

/** A module of Node as one of ours: only the names that are used are read, and none is copied. */
function namesOf(names, path) {
  const named = Object.keys(names).filter((name) => name !== 'default')
  return [
    `const it = require(${JSON.stringify(path)})`,
    'export default it',
    ...named.map((name) => `export const ${name} = /* @__PURE__ */ (() => it.${name})()`),
  ].join('\n')
}

if (single) {
  await singleFile()
  process.exit(0)
}

rmSync(out, { recursive: true, force: true })
mkdirSync(join(out, 'schemas'), { recursive: true })
const inputs = new Set()
const keep = ({ metafile }) => {
  for (const input of Object.keys(metafile.inputs)) inputs.add(input)
  for (const { imports } of Object.values(metafile.outputs)) {
    const lost = imports.find(({ external, path }) => external && !isBuiltin(path))
    if (lost !== undefined) throw new Error(`${lost.path} is not bundled, and nothing installs it`)
  }
}
// The library, to be read by whoever steps into it.
keep(
  await esbuild.build({
    ...shared,
    entryPoints: { index: entries.index, hcl: entries.hcl },
    outdir: out,
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    minifySyntax: true,
    metafile: true,
    // Packages in CommonJS ask for node:* by require, which a module does not have.
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
  }),
)
await command()

const packages = bundled([...inputs])
writeFileSync(join(out, 'LICENSES.txt'), licences(packages))
writeFileSync(join(out, 'sbom.cdx.json'), `${JSON.stringify(sbom(packages), undefined, 2)}\n`)
await schemas()
if (!fast) {
  declarations()
  await leaveOutPrivate(join(out, 'types'))
}

/**
 * The command, to be loaded fast: `dist/cli.cjs`, and beside it in `cli/` what it asks for. Names alone
 * are a fifth of `--help`.
 */
async function command() {
  const bundle = await esbuild.build({
    ...shared,
    entryPoints: { cli: entries.cli, ...parts },
    outdir: out,
    splitting: true,
    minify: true,
    metafile: true,
    write: false,
    plugins: [withoutChildProcess, builtinsByRequire],
  })
  keep(bundle)
  const chunks = chunksOf(bundle)
  const named = (word) => [...chunks.keys()].find((name) => name.startsWith(`${word}-`))
  const holding = (input) => [...chunks].find(([, { inputs: all }]) => all.includes(input))[0]
  const texts = await link(esbuild.transform, shared.target, chunks, [
    ['cli', ['cli']],
    ['main', [named('main')]],
    ['plan', [named('plan')]],
    ['agents', [holding('src/agent/read-agent-config.ts')]],
  ])
  mkdirSync(join(out, 'cli'))
  for (const [name, text] of texts) {
    writeFileSync(join(out, name === 'cli' ? 'cli.cjs' : `cli/${name}.cjs`), text)
  }
}

/**
 * The command as one file for any folder: bin/nomad-pki.js as it is, so that an old Node is told what
 * is needed, then all of dist/cli.cjs, with the files that commands read from the package.
 */
async function singleFile() {
  const folder = join(root, 'templates')
  // What commands read; scripts for people are in folders below.
  const templates = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .sort()
    .map((name) => [`templates/${name}`, readFileSync(join(folder, name), 'utf8')])
  const start = `
    import { run } from './src/cli/run.js'
    import { unpacked } from './src/cli/unpacked.js'
    void run(unpacked(${JSON.stringify(Object.fromEntries(templates))}))`
  const { metafile } = await esbuild.build({
    ...shared,
    metafile: true,
    entryPoints: [join(root, manifest.bin[manifest.name])],
    outfile: out,
    format: 'cjs',
    // Older than what is needed: the whole file is parsed before its first line can say so.
    target: 'node12',
    minify: true,
    plugins: [
      withoutChildProcess,
      builtinsByRequire,
      {
        name: 'no package around it',
        setup(build) {
          build.onResolve({ filter: /^\.\/start\.js$/ }, () => ({
            path: 'start',
            namespace: 'start',
          }))
          build.onLoad({ filter: /.*/, namespace: 'start' }, () => ({
            contents: start,
            resolveDir: root,
          }))
        },
      },
    ],
  })
  const texts = licences(bundled(Object.keys(metafile.inputs))).replaceAll('*/', '* /')
  appendFileSync(out, `/*\n${texts}*/\n`)
  chmodSync(out, 0o755)
}

/** The packages of which something was bundled, by name. */
function bundled(inputs) {
  const folders = new Map()
  for (const input of inputs) {
    const match = /^(.*node_modules\/((?:@[^/]+\/)?[^/]+))\//.exec(input)
    if (match) folders.set(match[2], match[1])
  }
  return [...folders]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, folder]) => {
      const { version, license } = JSON.parse(
        readFileSync(join(root, folder, 'package.json'), 'utf8'),
      )
      return { name, version, license, folder }
    })
}

function licences(packages) {
  const texts = packages.map(({ name, version, license, folder }) => {
    const file = readdirSync(join(root, folder)).find((each) => /^(licen[cs]e|copying)/i.test(each))
    if (file === undefined) throw new Error(`${name} has no licence file`)
    const text = readFileSync(join(root, folder, file), 'utf8')
      .replaceAll('\r\n', '\n')
      .trim()
    return `${name} ${version} (${license})\n\n${text}\n`
  })
  const rule = `\n${'-'.repeat(80)}\n\n`
  return `These packages are contained in what was built.\n${rule}${texts.join(rule)}`
}

/**
 * What is in the package, as CycloneDX 1.6. `npm sbom` lists what an install would fetch, which is
 * nothing, and writes another number and time each run.
 */
function sbom(packages) {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages
  const purl = ({ name, version }) => `pkg:npm/${name.replace('@', '%40')}@${version}`
  const licensesOf = ({ license }) =>
    / OR | AND /.test(license) ? [{ expression: license }] : [{ license: { id: license } }]
  const component = (type, entry) => ({
    type,
    'bom-ref': purl(entry),
    name: entry.name,
    version: entry.version,
    licenses: licensesOf(entry),
    purl: purl(entry),
  })
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: { component: component('application', manifest) },
    components: packages.map((entry) => {
      const [algorithm, digest] = lock[entry.folder].integrity.split('-')
      if (algorithm !== 'sha512')
        throw new Error(`${entry.name}: ${algorithm} in package-lock.json`)
      const content = Buffer.from(digest, 'base64').toString('hex')
      return { ...component('library', entry), hashes: [{ alg: 'SHA-512', content }] }
    }),
    dependencies: [{ ref: purl(manifest), dependsOn: packages.map(purl) }],
  }
}

/** The documents' schemas as they are; those of the spec, the ledger and evidence, made from the parsers' own tables. */
async function schemas() {
  const folder = join(root, 'src/report/schemas')
  for (const name of readdirSync(folder)) {
    if (name.endsWith('.json')) {
      writeFileSync(join(out, 'schemas', name), readFileSync(join(folder, name)))
    }
  }
  for (const [name, source, made] of [
    ['spec', 'src/cluster/schema.ts', 'specSchema'],
    ['ledger', 'src/inventory/ledger-schema.ts', 'ledgerSchema'],
    ['evidence', 'src/evidence/evidence-schema.ts', 'evidenceSchema'],
  ]) {
    const temporary = join(out, `schema-of-${name}.mjs`)
    await esbuild.build({ ...shared, entryPoints: [source], outfile: temporary })
    const { [made]: schema } = await import(pathToFileURL(temporary).href)
    rmSync(temporary)
    writeFileSync(join(out, `schemas/${name}.json`), `${JSON.stringify(schema(), undefined, 2)}\n`)
  }
}

function declarations() {
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')
  const config = join(out, 'tsconfig.json')
  const from = (file) => relative(out, join(root, file))
  writeFileSync(
    config,
    JSON.stringify({
      extends: `./${from('tsconfig.json')}`,
      compilerOptions: {
        noEmit: false,
        emitDeclarationOnly: true,
        rootDir: from('src'),
        outDir: './types',
        typeRoots: [from('node_modules/@types')],
      },
      files: [from(entries.index), from(entries.hcl)],
      include: [],
    }),
  )
  const { status } = spawnSync(process.execPath, [tsc, '-p', config], {
    cwd: root,
    stdio: 'inherit',
  })
  rmSync(config)
  if (status !== 0) process.exit(status ?? 1)
}

/**
 * Leaves the declarations that the public ones refer to. Those must need no package: none is installed
 * with this one.
 */
async function leaveOutPrivate(folder) {
  const { default: ts } = await import('typescript')
  const wanted = new Set()
  const visit = (file) => {
    if (wanted.has(file)) return
    wanted.add(file)
    const { importedFiles } = ts.preProcessFile(readFileSync(file, 'utf8'))
    for (const { fileName } of importedFiles) {
      if (fileName.startsWith('.')) visit(join(dirname(file), fileName.replace(/\.js$/, '.d.ts')))
      else if (!fileName.startsWith('node:')) throw new Error(`${file} needs ${fileName}`)
    }
  }
  for (const { types } of Object.values(manifest.exports).filter((target) => target.types)) {
    visit(join(folder, relative('dist/types', types)))
  }
  for (const name of readdirSync(folder, { recursive: true })) {
    if (name.endsWith('.d.ts') && !wanted.has(join(folder, name))) rmSync(join(folder, name))
  }
}
