// Measures what the README claims: every figure is a ratio of two things measured side by side in one run.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { createECDH, createHash, createPrivateKey, generateKeyPairSync, sign } from 'node:crypto'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { homedir, tmpdir, userInfo } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { selfNode, startEngine } from './engine.mjs'
import { startHosts } from './hosts.mjs'
import { bare } from './limit.mjs'

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string' },
    nodes: { type: 'string', default: '1000' },
    json: { type: 'boolean', default: false },
  },
})
const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const command = join(root, 'bin', 'nomad-pki.js')
const nodes = Number(flags.nodes)
const cache =
  process.env.NOMAD_PKI_CI_CACHE ??
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'nomad-pki-ci')
// NODE_EXTRA_CA_CERTS costs every start of Node 20 some 40 ms (nodejs/node#40524) and would flatter ratios to `node -e 0`.
const env = { ...process.env, NO_COLOR: '1' }
delete env.NODE_EXTRA_CA_CERTS
const work = mkdtempSync(join(tmpdir(), 'nomad-pki-bench-'))
const figures = []

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]
const note = (text) => process.stderr.write(`${text}\n`)

/** Wall seconds of a whole process; it must succeed unless its status is among `allowed`. */
function seconds(file, args, options = {}) {
  const { allowed = [0], ...rest } = options
  const begun = performance.now()
  const run = spawnSync(file, args, {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 1 << 28,
    ...rest,
  })
  const took = (performance.now() - begun) / 1000
  if (run.error) throw run.error
  if (!allowed.includes(run.status))
    throw new Error(
      `${file} ${args.join(' ')}: exit ${run.status}\n${run.stdout ?? ''}${run.stderr}`,
    )
  return took
}

/** Peak resident memory of a Node process, MB: it tells itself when it ends. */
function megabytes(args, options = {}) {
  const out = join(work, 'rss')
  const hook = join(work, 'rss.mjs')
  writeFileSync(
    hook,
    `import { writeFileSync } from 'node:fs'; process.on('exit', () => writeFileSync(${JSON.stringify(out)}, String(process.resourceUsage().maxRSS)))`,
  )
  seconds(process.execPath, ['--import', pathToFileURL(hook).href, ...args], options)
  return Number(readFileSync(out, 'utf8')) / 1024
}

/** The median ratio of two commands run in turn. */
function ratio(a, b, rounds) {
  a()
  b()
  const ratios = []
  for (let round = 0; round < rounds; round += 1) ratios.push(a() / b())
  return median(ratios)
}

function figure(what, value, unit, must) {
  const good =
    must === undefined || value === undefined
      ? undefined
      : must.least === undefined
        ? value <= must.most
        : value >= must.least
  const bound =
    must === undefined ? '' : must.least === undefined ? `≤ ${must.most}` : `≥ ${must.least}`
  figures.push({
    what,
    value: value === undefined ? null : Number(value.toPrecision(3)),
    unit,
    bound,
    good,
  })
  note(
    `${good === false ? '✗' : ' '} ${what}: ${value === undefined ? 'not measured' : value.toPrecision(3)} ${unit} ${bound}`,
  )
}

function find(name) {
  const places = [
    ...(process.env.PATH ?? '').split(delimiter),
    cache,
    join(cache, 'bin'),
    join(cache, 'cfssl-1.6.5'),
    join(cache, 'cfssl-1.6.5', 'bin'),
  ]
  return places.map((place) => join(place, name)).find((path) => existsSync(path))
}

const benches = {
  async issue() {
    const { createRoot, generateKey, heldIssuer, issue, prepare } = await import(
      pathToFileURL(join(root, 'dist', 'index.js')).href
    )
    const now = Date.now()
    const key = await generateKey('ecdsa-p256')
    const { certificate } = await createRoot(
      { subject: { commonName: 'bench' }, lifetime: 10 * 365 * 86_400_000, key },
      { now },
    )
    const issuer = heldIssuer({ name: 'bench', certificate, key })
    const floorKey = createPrivateKey({
      key: generateKeyPairSync('ec', {
        namedCurve: 'prime256v1',
        privateKeyEncoding: { type: 'pkcs8', format: 'der' },
        publicKeyEncoding: { type: 'spki', format: 'der' },
      }).privateKey,
      format: 'der',
      type: 'pkcs8',
    })
    const ecdh = createECDH('prime256v1')
    const bytes = Buffer.alloc(500, 7)
    const count = 2_000
    const floor = () => {
      const begun = performance.now()
      for (let at = 0; at < count; at += 1) {
        ecdh.generateKeys()
        ecdh.getPrivateKey()
        sign('sha256', bytes, floorKey)
      }
      return (performance.now() - begun) / count
    }
    const ours = async () => {
      const begun = performance.now()
      for (let at = 0; at < count; at += 1) {
        const { publicKey } = await generateKey('ecdsa-p256')
        await issue(
          prepare(
            {
              role: 'server',
              region: 'global',
              publicKey,
              lifetime: 90 * 86_400_000,
              names: [`s${at}.example`],
              ips: ['10.0.0.1'],
            },
            issuer,
            { now },
          ),
        )
      }
      return (performance.now() - begun) / count
    }
    floor()
    await ours()
    const rounds = []
    for (let round = 0; round < 7; round += 1) rounds.push([floor(), await ours()])
    figure(
      'issue a P-256 leaf: floor (keygen + signature) / ours',
      median(rounds.map(([a, b]) => a / b)),
      '×',
      { least: 0.5 },
    )
    const microseconds = median(rounds.map(([, b]) => b)) * 1000
    const go = goRate()
    figure(
      "issue a P-256 leaf: nomad tls' own library / ours",
      go === undefined ? undefined : go / microseconds,
      '×',
      { least: 1.5 },
    )
  },
  async apply() {
    const spec = specOf(nodes)
    const cluster = () => {
      // Removed at the end only: ext4 passes over inodes that were freed a moment ago, one by one, and
      // the next one who creates files pays for it.
      const folder = mkdtempSync(join(work, 'apply-'))
      writeFileSync(join(folder, 'cluster.yaml'), spec)
      begin(folder)
      return folder
    }
    const ours = (folder = cluster()) =>
      seconds(process.execPath, [command, 'apply', '--yes', '--quiet'], { cwd: folder })
    const first = cluster()
    ours(first)
    const identity = join(first, 'pki/identity/client/global/c00001')
    const template = join(
      identity,
      readdirSync(identity).find((name) => name !== 'current'),
    )

    const library = await import(pathToFileURL(join(root, 'dist', 'index.js')).href)
    const warm = []
    let tree
    for (let round = 0; round < 7; round += 1) {
      const [made, written] = ['made', 'written'].map((name) => join(work, `${name}-${round}`))
      const begun = performance.now()
      await applyWith(library, spec, made)
      const between = performance.now()
      bare(written, nodes, template)
      const ended = performance.now()
      warm.push([(between - begun) / 1000, (ended - between) / 1000])
      tree ??= sameTree(made, written)
    }
    // The first two compile.
    pairs(`apply of ${nodes} nodes in one process with its limit: limit / ours`, warm.slice(2), {
      least: 0.8,
    })
    const whole = []
    for (let round = 0; round < 5; round += 1) {
      const took = ours()
      const args = [join(root, 'test/bench/limit.mjs'), join(work, `whole-${round}`)]
      whole.push([took, seconds(process.execPath, [...args, String(nodes), template])])
    }
    pairs(`apply of ${nodes} nodes, from the start of Node: limit / ours`, whole)

    const took = median(whole.map(([own]) => own))
    const [cfssl, cfssljson, openssl] = ['cfssl', 'cfssljson', 'openssl'].map(find)
    figure(
      `apply of ${nodes} nodes from nothing: cfssl loop / ours`,
      cfssl && cfssljson ? cfsslLoop(cfssl, cfssljson) / took : undefined,
      '×',
    )
    const after = median([ours(), ours(), ours()])
    figure(
      `apply of ${nodes} nodes from nothing: openssl genpkey+req+x509 / ours`,
      openssl ? opensslLoop(openssl) / after : undefined,
      '×',
    )
    figure(
      `apply of ${nodes} nodes: peak memory`,
      megabytes([command, 'apply', '--yes', '--quiet'], { cwd: cluster() }),
      'MB',
      { most: 250 },
    )
  },
  async rotation() {
    const rounds = []
    for (let round = 0; round < 4; round += 1) {
      const folder = mkdtempSync(join(work, 'rotation-'))
      writeFileSync(join(folder, 'cluster.yaml'), specOf(nodes))
      begin(folder)
      const run = (...args) => seconds(process.execPath, [command, ...args], { cwd: folder })
      const first = run('apply', '--yes', '--quiet')
      const again =
        run('rotate', 'authority', 'agent', '--next', '--quiet') + run('apply', '--yes', '--quiet')
      const planned = seconds(
        process.execPath,
        [command, 'rollout', '--dry-run', '--commands', '--quiet'],
        {
          cwd: folder,
          allowed: [2],
        },
      )
      const status = seconds(process.execPath, [command, 'status', '--quiet'], {
        cwd: folder,
        allowed: [2],
      })
      note(
        `  first: ${first.toFixed(2)} s, root's rotation: ${again.toFixed(2)} s, rollout: ${planned.toFixed(2)} s, status: ${status.toFixed(2)} s`,
      )
      rounds.push([first, again])
    }
    // The first warms the disk up.
    figure(
      `a root's rotation of ${nodes} nodes planned and made / issuing them the first time`,
      median(rounds.slice(1).map(([first, again]) => again / first)),
      '×',
      { most: 2 },
    )
  },
  async plan() {
    const empty = () => seconds(process.execPath, ['-e', '0'])
    for (const [count, listed, most] of [
      [1_000, false],
      [10_000, false, 25],
      [10_000, true, 70],
    ]) {
      const folder = clusterOf(count, listed)
      const plan = () => seconds(process.execPath, [command, 'plan', '--quiet'], { cwd: folder })
      figure(
        `no-op plan of ${count} nodes ${listed ? 'listed one by one' : 'as a range'} / node -e 0`,
        ratio(plan, empty, 5),
        '×',
        most && { most },
      )
      rmSync(folder, { recursive: true })
    }
  },
  async page() {
    const folder = clusterOf(10_000, false)
    const status = (...args) =>
      seconds(process.execPath, [command, 'status', ...args], { cwd: folder })
    const json = () => status('--json')
    for (const [what, args, most] of [
      ['the page of 10,000 nodes', ['--html', 'pki.html'], 2],
      ['metrics of 10,000 nodes', ['--metrics', 'pki.prom'], 1.2],
      ['metrics of 10,000 nodes, each with its own', ['--metrics', 'pki.prom', '--per-node'], 1.2],
    ]) {
      const ours = () => status('--quiet', ...args)
      figure(`${what} / status --json`, ratio(ours, json, 5), '×', { most })
    }
    rmSync(folder, { recursive: true })
  },
  async start() {
    const { startUp } = await import('./start-up.mjs')
    for (const { what, ratio: value, most } of startUp(41)) figure(what, value, '×', { most })
  },
  async engine() {
    const bao = openbao()
    const what = `${nodes} leaves from OpenBao: ours / bare loop of the same calls`
    if (bao === undefined) return figure(what, undefined, '×', { most: 1.2 })
    const engine = await startEngine(bao, { env, nodes })
    try {
      const all = []
      for (let round = 0; round < 6; round += 1) {
        const args = round === 0 ? ['apply'] : ['rotate', 'leaves', '--all']
        const own = engine.leaves([...args, '--yes', '--quiet'])
        all.push([own, engine.loop()])
      }
      // The first one warms both up.
      for (const [own, bare] of all) note(`  ours ${own.toFixed(2)} s, loop ${bare.toFixed(2)} s`)
      figure(what, median(all.slice(1).map(([own, bare]) => own / bare)), '×', { most: 1.2 })
    } finally {
      await engine.stop()
    }
  },
  async renew() {
    const bao = openbao()
    const what = '`renew` until the leaf is in place / curl of the same call + 2 × node -e 0'
    if (bao === undefined || find('curl') === undefined)
      return figure(what, undefined, '×', { most: 1 })
    const engine = await startEngine(bao, { env, nodes: 1 })
    try {
      const node = selfNode(engine, env)
      const empty = () => seconds(process.execPath, ['-e', '0'])
      await node.renew()
      node.curl()
      const all = []
      for (let round = 0; round < 15; round += 1) {
        const bare = node.curl() + empty() + empty()
        all.push([await node.renew(), bare])
      }
      note(
        `  renew ${(median(all.map(([own]) => own)) * 1000).toFixed(0)} ms, curl + 2 × node -e 0 ${(median(all.map(([, bare]) => bare)) * 1000).toFixed(0)} ms`,
      )
      figure(what, median(all.map(([own, bare]) => own / bare)), '×', { most: 1 })
    } finally {
      await engine.stop()
    }
  },
  async config() {
    const { parseConfig } = await import(pathToFileURL(join(root, 'dist', 'hcl.js')).href)
    const block = (at) =>
      `# agent ${at}\nclient {\n  enabled = true # as ever\n  servers = ["10.0.0.${at % 250}:4647"]\n  options {\n    "driver.allowlist" = "raw_exec,docker"\n  }\n  meta { rack = "r${at}" }\n}\n\n`
    const ofLines = (lines) =>
      Buffer.from(Array.from({ length: lines / 10 }, (_, at) => block(at)).join(''))
    const perParse = (bytes, rounds) => {
      const times = []
      for (let round = 0; round < rounds; round += 1) {
        const begun = performance.now()
        parseConfig(bytes)
        times.push(performance.now() - begun)
      }
      return median(times)
    }
    const short = ofLines(200)
    perParse(short, 300)
    figure('a configuration of 200 lines parsed, warm', perParse(short, 300), 'ms', { most: 0.3 })
    // One text against its sixteenths, all kept: the collector has the same to do for both.
    const large = ofLines(60_000)
    const sixteenth = ofLines(3_750 - (3_750 % 10))
    const timed = (work) => {
      const begun = performance.now()
      work()
      return performance.now() - begun
    }
    const once = () => timed(() => [parseConfig(large)])
    const sixteen = () => timed(() => Array.from({ length: 16 }, () => parseConfig(sixteenth)))
    figure(
      `a configuration of ${(large.length / 1e6).toFixed(1)} MB parsed / its sixteenths`,
      ratio(once, sixteen, 21),
      '×',
      { most: 1.5 },
    )
    const folder = mkdtempSync(join(work, 'config-'))
    const fresh = () => {
      for (let at = 1; at <= nodes; at += 1) {
        mkdirSync(join(folder, `a/c${at}`), { recursive: true })
        writeFileSync(
          join(folder, `a/c${at}/client.hcl`),
          `${block(at)}tls {\n  http = false # soon\n}\n`,
        )
        writeFileSync(join(folder, `a/c${at}/base.hcl`), `name = "c${at}"\nregion = "global"\n`)
      }
    }
    writeFileSync(
      join(folder, 'cluster.yaml'),
      `version: 1\ncluster: bench\nregions:\n  global:\n    clients: { "c[1-${nodes}]": { config: "a/{node}" } }\n`,
    )
    fresh()
    begin(folder)
    // Keys and certificates are made once: what is left each time is the configurations.
    seconds(process.execPath, [command, 'apply', '--yes', '--quiet'], { cwd: folder })
    const blind = join(work, 'blind.mjs')
    writeFileSync(
      blind,
      `import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
       for (const agent of readdirSync('a')) for (const name of readdirSync('a/' + agent)) {
         const path = 'a/' + agent + '/' + name, text = readFileSync(path)
         writeFileSync(path + '.new', text); renameSync(path + '.new', path)
       }`,
    )
    // The same cluster without configurations: what the store costs is no part of it.
    writeFileSync(
      join(folder, 'without.yaml'),
      readFileSync(join(folder, 'cluster.yaml'), 'utf8').replace('{ config: "a/{node}" }', '{}'),
    )
    const idle = () =>
      seconds(process.execPath, [command, 'plan', '--quiet', '--file', 'without.yaml'], {
        cwd: folder,
      })
    const edit = () => {
      const nothing = idle()
      fresh()
      return (
        seconds(process.execPath, [command, 'apply', '--yes', '--quiet'], { cwd: folder }) - nothing
      )
    }
    const copy = () =>
      seconds(process.execPath, [blind], { cwd: folder }) - seconds(process.execPath, ['-e', '0'])
    const bare = []
    const edits = []
    for (let round = 0; round < 5; round += 1) {
      edits.push(edit())
      bare.push(copy())
    }
    figure(
      `${nodes} agents' directories edited / read and written without looking`,
      median(edits) / median(bare),
      '×',
      nodes === 1_000 ? { most: 3 } : undefined,
    )
    rmSync(folder, { recursive: true })
  },
  async large() {
    const times = []
    for (const count of [10_000, 100_000]) {
      const folder = clusterOf(count, false)
      const args = [command, 'plan', '--quiet']
      const plan = () => seconds(process.execPath, args, { cwd: folder })
      plan()
      times.push(median([plan(), plan(), plan()]))
      if (count === 100_000)
        figure('no-op plan of 100000 nodes: peak memory', megabytes(args, { cwd: folder }), 'MB', {
          most: 1024,
        })
      rmSync(folder, { recursive: true })
    }
    figure('no-op plan: 100000 nodes / 10000 nodes', times[1] / times[0], '×', { most: 11 })
  },
  async verify() {
    const times = []
    for (const count of [1_000, 10_000]) {
      const folder = clusterOf(count, false)
      const args = [command, 'verify', '--offline', '--quiet']
      times.push(median([1, 2, 3].map(() => seconds(process.execPath, args, { cwd: folder }))))
      if (count === 10_000)
        figure(
          'verify of 10000 nodes without handshakes: peak memory',
          megabytes(args, { cwd: folder }),
          'MB',
          { most: 500 },
        )
      rmSync(folder, { recursive: true })
    }
    figure('verify without handshakes: 10000 nodes / 1000 nodes', times[1] / times[0], '×', {
      most: 12,
    })
  },
  async regions() {
    const kinds = {
      'verify without handshakes': ['verify', '--offline', '--quiet'],
      'verify with handshakes': ['verify', '--quiet'],
      probe: ['probe', '--quiet'],
    }
    const times = new Map(Object.keys(kinds).map((kind) => [kind, []]))
    for (const count of [250, 500, 1_000]) {
      const names = Array.from({ length: count }, (_, at) => `r${at + 1}`)
      await withAgents(
        names.map((region) => [region, 's1']),
        async (folder) => {
          for (const [kind, args] of Object.entries(kinds)) {
            const once = () => seconds(process.execPath, [command, ...args], { cwd: folder })
            const took = median([once(), once(), once()])
            note(`  ${kind} of ${count} regions: ${took.toFixed(2)} s`)
            times.get(kind).push(took)
          }
        },
      )
    }
    for (const [kind, [quarter, half, all]] of times) {
      figure(`${kind}: 1000 regions / 250 regions`, all / quarter, '×', { most: 4.4 })
      figure(`${kind}: 1000 regions / 500 regions`, all / half, '×', { most: 2.2 })
    }
  },
  async probe() {
    const agents = 100
    const names = Array.from({ length: agents }, (_, at) => ['global', `s${at + 1}`])
    await withAgents(names, async (folder, list) => {
      const ours = () => seconds(process.execPath, [command, 'probe', '--quiet'], { cwd: folder })
      const bareHandshakes = () =>
        seconds(process.execPath, [join(root, 'test/bench/handshakes.mjs'), list, '64'])
      figure(
        `probe of ${2 * agents} endpoints / as many bare handshakes, 64 at a time, whole process`,
        ratio(ours, bareHandshakes, 7),
        '×',
        { most: 3 },
      )
    })
  },
  async rollout() {
    const names = Array.from(
      { length: Math.min(nodes, 200) },
      (_, at) => `c${`${at + 1}`.padStart(3, '0')}`,
    )
    const place = mkdtempSync(join(work, 'hosts-'))
    const bed = await startHosts(place, names)
    const hostEnv = { ...env, ...bed.env }
    try {
      const cluster = (count) => {
        const folder = mkdtempSync(join(work, 'rollout-'))
        const owner = userInfo().username
        writeFileSync(
          join(folder, 'cluster.yaml'),
          `version: 1
cluster: bench
node: { tls: /etc/nomad-tls, owner: { client: ${owner} } }
regions:
  global:
    clients: { "c[001-${`${count}`.padStart(3, '0')}]": { ssh: "{node}" } }
`,
        )
        begin(folder)
        seconds(process.execPath, [command, 'apply', '--yes', '--quiet'], { cwd: folder })
        return folder
      }
      const fresh = () => {
        rmSync(bed.hosts, { recursive: true })
        mkdirSync(bed.hosts)
      }
      const args = [command, 'rollout', '--yes', '--batch', String(names.length)]
      const delivered = (count) => {
        for (let at = 0; at < count; at += 1) {
          if (!existsSync(join(bed.tlsOf(at), 'current/cert.pem')))
            throw new Error(`${names[at]} has no files`)
        }
      }
      const options = (cwd) => ({ cwd, env: hostEnv, allowed: [2] })
      const ours = () => {
        const folder = cluster(names.length)
        fresh()
        const took = seconds(process.execPath, args, options(folder))
        delivered(names.length)
        return took
      }
      // The same archives and the same installer, as many at once; nobody looks before, and nothing is noted.
      const loop = (lines) => {
        const folder = cluster(names.length)
        const archives = join(folder, 'archives')
        mkdirSync(archives)
        seconds(process.execPath, [command, 'pack', '--all', '--out-dir', archives, '--quiet'], {
          cwd: folder,
        })
        for (const file of readdirSync(archives)) {
          const [, name] = /-(c[0-9]+)-/.exec(file)
          const sum = createHash('sha256')
            .update(readFileSync(join(archives, file)))
            .digest('hex')
          writeFileSync(
            join(archives, `${name}.there`),
            `echo '${sum}  a.tar.gz' | sha256sum -c - && tar -xzf a.tar.gz && cd nomad-pki && sh install.sh --tls "$TLS_HERE" --archive ../a.tar.gz --reload none`,
          )
          renameSync(join(archives, file), join(archives, `${name}.tar.gz`))
        }
        fresh()
        const took = seconds('xargs', ['-P', '8', '-I{}', 'sh', '-ec', lines], {
          ...{ cwd: archives, env: hostEnv, input: `${names.join('\n')}\n` },
          stdio: ['pipe', 'ignore', 'pipe'],
        })
        delivered(names.length)
        return took
      }
      const ssh = 'ssh -o BatchMode=yes {}'
      const here = 'umask 077 && cd "$TMPDIR"'
      // What a person does with the lines of `rollout --dry-run --commands`: copy the archive, then run the line.
      const two = `${ssh} '${here} && cat >a.tar.gz' <{}.tar.gz; ${ssh} '${here} &&' "$(cat {}.there)" </dev/null`
      const one = `${ssh} '${here} && cat >a.tar.gz &&' "$(cat {}.there)" <{}.tar.gz`
      const rounds = []
      for (let round = 0; round < 3; round += 1) {
        const took = [ours(), loop(two), loop(one)]
        const [own, copied, piped] = took.map((each) => `${each.toFixed(1)} s`)
        note(`  ours ${own}, copied and run ${copied}, in one connection ${piped}`)
        rounds.push(took)
      }
      const what = `${names.length} hosts delivered, 8 at once / a bare ssh loop with the same installer`
      figure(`${what}: copy, then run`, median(rounds.map(([a, b]) => a / b)), '×', { most: 1.3 })
      figure(`${what}: one connection`, median(rounds.map(([a, , c]) => a / c)), '×')
      const memory = [names.length / 4, names.length].map((count) => {
        const folder = cluster(count)
        fresh()
        return megabytes(args, options(folder))
      })
      note(`  memory: ${memory.map((one) => `${one.toFixed(0)} MB`).join(', ')}`)
      figure(
        `memory of a delivery: ${names.length} hosts / a quarter of them`,
        memory[1] / memory[0],
        '×',
        {
          most: 1.5,
        },
      )
    } finally {
      bed.end()
    }
  },
}

/** A cluster of servers, `[region, name]`, that answer: `use` gets its folder and the list of their ports. */
async function withAgents(names, use) {
  const folder = mkdtempSync(join(work, 'agents-'))
  const file = join(folder, 'cluster.yaml')
  const spec = (node) => {
    const regions = new Map()
    for (const [at, [region, name]] of names.entries()) {
      regions.set(region, `${regions.get(region) ?? ''}      ${name}: ${node(at)}\n`)
    }
    const text = [...regions].map(([region, servers]) => `  ${region}:\n    servers:\n${servers}`)
    return `version: 1\ncluster: bench\nregions:\n${text.join('')}`
  }
  writeFileSync(
    file,
    spec(() => '{}'),
  )
  begin(folder)
  seconds(process.execPath, [command, 'apply', '--yes', '--quiet'], { cwd: folder })
  const folders = names.map(([region, name]) =>
    join(folder, 'pki/identity/server', region, name, 'current'),
  )
  // A process of its own, as agents are: two of ours share no event loop with it.
  const child = spawn(process.execPath, [join(root, 'test/bench/listeners.mjs'), ...folders], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env,
  })
  try {
    let text = ''
    for await (const chunk of child.stdout) {
      text += chunk
      if (text.includes('\n')) break
    }
    const ports = JSON.parse(text)
    const list = join(folder, 'ports.json')
    writeFileSync(list, text)
    writeFileSync(
      file,
      spec((at) => `{ http: "127.0.0.1:${ports[at].http}", rpc: "127.0.0.1:${ports[at].rpc}" }`),
    )
    await use(folder, list)
  } finally {
    child.kill()
    rmSync(folder, { recursive: true })
  }
}

/** What the command does for `apply`, by the library: reads, plans and makes a new store in a folder. */
async function applyWith(library, text, folder) {
  const store = library.directoryStore(folder)
  const configs = library.directoryConfigs(work)
  const desired = library.desire(library.parseSpec(text).spec)
  const inventory = await library.readInventory({ store, configs })
  const { plan, materials } = library.makePlan(desired, inventory, { now: Date.now() })
  const issuers = library.storeIssuers(store)
  const events = library.applyPlan(plan, materials, { store, configs, issuers, clock: Date.now })
  for await (const event of events) if (event.type === 'stopped') throw new Error('it stopped')
}

/** Fails unless two stores have the same directories, files, links and modes. @returns `true` */
function sameTree(a, b) {
  const list = (folder) =>
    readdirSync(folder, { recursive: true })
      .map(
        (name) =>
          `${name.replace(/1-[0-9a-f]{8}/, 'GENERATION')} ${lstatSync(join(folder, name)).mode.toString(8)}`,
      )
      .sort()
      .join('\n')
  if (list(a) !== list(b)) throw new Error('the limit writes another tree than apply does')
  return true
}

/** The ratio of the second to the first, of pairs that were measured in turn. */
function pairs(what, list, must) {
  for (const [own, limit] of list) note(`  ours ${own.toFixed(2)} s, limit ${limit.toFixed(2)} s`)
  figure(what, median(list.map(([own, limit]) => limit / own)), '×', must)
}

/** The path of a real OpenBao; `undefined`: it is not here. */
function openbao() {
  return find('bao') ?? find('openbao-2.7.2/bao')
}

/** A store for the spec in a folder. */
function begin(folder) {
  seconds(process.execPath, [command, 'init', '--new-store', '--quiet'], { cwd: folder })
}

function specOf(count, listed = false) {
  const name = (at) => `${at}`.padStart(Math.max(5, `${count}`.length), '0')
  const range = `    clients:\n      "c[${name(1)}-${name(count)}]": {}\n`
  const list = `    clients:\n${Array.from({ length: count }, (_, at) => `      c${name(at + 1)}: {}\n`).join('')}`
  return `version: 1\ncluster: bench\nauthorities:\n  agent: { lifetime: 10y }\nregions:\n  global:\n${listed ? list : range}`
}

function clusterOf(count, listed) {
  const folder = mkdtempSync(join(work, 'cluster-'))
  writeFileSync(join(folder, 'cluster.yaml'), specOf(count, listed))
  begin(folder)
  seconds(process.execPath, [command, 'apply', '--yes', '--quiet'], { cwd: folder })
  return folder
}

/** What the classic guide does for each node. Returns seconds for `nodes` of them. */
function cfsslLoop(cfssl, cfssljson) {
  const folder = mkdtempSync(join(work, 'cfssl-'))
  const put = (name, value) => writeFileSync(join(folder, name), JSON.stringify(value))
  put('ca-csr.json', { CN: 'bench', key: { algo: 'ecdsa', size: 256 } })
  put('cfssl.json', {
    signing: {
      default: {
        expiry: '87600h',
        usages: ['signing', 'key encipherment', 'server auth', 'client auth'],
      },
    },
  })
  put('csr.json', { key: { algo: 'ecdsa', size: 256 } })
  const sh = (script) =>
    seconds('/bin/sh', ['-ec', script], {
      cwd: folder,
      env: { ...env, CFSSL: cfssl, CFSSLJSON: cfssljson },
    })
  sh('"$CFSSL" gencert -initca ca-csr.json 2>/dev/null | "$CFSSLJSON" -bare ca')
  return sh(
    `i=0; while [ $i -lt ${nodes} ]; do i=$((i+1)); "$CFSSL" gencert -ca=ca.pem -ca-key=ca-key.pem -config=cfssl.json -hostname="client.global.nomad,localhost,127.0.0.1" csr.json 2>/dev/null | "$CFSSLJSON" -bare c$i; done`,
  )
}

/** What people script: three processes a node. Measured on a tenth, because each node is the same work. */
function opensslLoop(openssl) {
  const folder = mkdtempSync(join(work, 'openssl-'))
  const tenth = Math.ceil(nodes / 10)
  const sh = (script) =>
    seconds('/bin/sh', ['-ec', script], { cwd: folder, env: { ...env, OPENSSL: openssl } })
  sh(
    '"$OPENSSL" req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca-key.pem -out ca.pem -subj /CN=bench -days 3650 2>/dev/null; printf "subjectAltName=DNS:client.global.nomad,DNS:localhost,IP:127.0.0.1\\nextendedKeyUsage=serverAuth,clientAuth\\n" >ext',
  )
  const took = sh(
    `i=0; while [ $i -lt ${tenth} ]; do i=$((i+1)); "$OPENSSL" genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out k$i.pem 2>/dev/null; "$OPENSSL" req -new -key k$i.pem -subj /CN=client.global.nomad -out r$i.pem; "$OPENSSL" x509 -req -in r$i.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 365 -extfile ext -out c$i.pem 2>/dev/null; done`,
  )
  return (took * nodes) / tenth
}

/** Microseconds per certificate of the library behind `nomad tls cert create`. */
function goRate() {
  const go = find('go')
  if (go === undefined) return undefined
  const folder = join(cache, 'bench-nomad-tls')
  mkdirSync(folder, { recursive: true })
  const source = join(root, 'test', 'bench', 'nomad-tls')
  const binary = join(folder, 'nomad-tls')
  execFileSync(go, ['build', '-mod=mod', '-trimpath', '-o', binary, '.'], {
    cwd: source,
    env: { ...env, GOFLAGS: '-mod=mod', CGO_ENABLED: '0' },
    stdio: ['ignore', 2, 2],
  })
  return median([1, 2, 3, 4, 5].map(() => Number(execFileSync(binary, { env }).toString())))
}

try {
  const wanted = flags.only === undefined ? Object.keys(benches) : flags.only.split(',')
  for (const name of wanted) {
    if (benches[name] === undefined)
      throw new Error(`no such figure: ${name} (there are: ${Object.keys(benches).join(', ')})`)
    await benches[name]()
  }
} finally {
  rmSync(work, { recursive: true, force: true })
}
// What could not be measured is not missed: it is named.
if (figures.some(({ good }) => good === false)) process.exitCode = 1
if (flags.json) {
  console.log(JSON.stringify({ node: process.version, nodes, figures }, null, 2))
} else {
  const width = Math.max(...figures.map(({ what }) => what.length))
  for (const { what, value, unit, bound, good } of figures) {
    console.log(
      `${what.padEnd(width)}  ${String(value ?? '–').padStart(7)} ${unit.padEnd(2)}  ${bound.padEnd(7)}  ${good === undefined ? '' : value === null ? 'not measured' : good ? 'reached' : 'MISSED'}`,
    )
  }
}
