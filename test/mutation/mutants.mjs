/**
 * Changes of the code that must not go unseen: each breaks a promise that costs most where it fails.
 * `from` occurs once in its file; the tests named are the ones that have to fail.
 */

/** @type {readonly { what: string, file: string, from: string, to: string, tests: readonly string[] }[]} */
export const mutants = [
  // The proof that an edit changed nothing else.
  {
    what: 'another block may change',
    file: 'src/hcl/prove.ts',
    from: "if (!equal(others(before), others(after))) return 'another block changed'",
    to: '',
    tests: ['test/hcl'],
  },
  {
    what: 'a comment may change',
    file: 'src/hcl/prove.ts',
    from: 'if (!equal(slices(before.text, before.comments), slices(after.text, after.comments))) {',
    to: 'if (false) {',
    tests: ['test/hcl'],
  },
  {
    what: 'another attribute may change',
    file: 'src/hcl/prove.ts',
    from: 'if (!equal(held === undefined ? [] : rest(before, held), rest(after, target))) {',
    to: 'if (false) {',
    tests: ['test/hcl'],
  },
  {
    what: 'the meaning of what was set is not looked at',
    file: 'src/hcl/prove.ts',
    from: 'if (!means(after, item.value, value))',
    to: 'if (false)',
    tests: ['test/hcl'],
  },
  // Files.
  {
    what: 'no second look before the rename',
    file: 'src/files/aside.ts',
    from: 'if ((now && stampOf(now)) !== one.stamp) throw changed(one.path)',
    to: '',
    tests: ['test/files', 'test/store/directory-configs.test.ts'],
  },
  {
    what: 'no barrier before the rename',
    file: 'src/files/aside.ts',
    from: 'await barrierOf(files, prepared, touched, kind)\n    for',
    to: 'for',
    tests: ['test/files', 'test/store/directory-configs.test.ts'],
  },
  {
    what: 'a file gets its name before it is on disk',
    file: 'src/files/place.ts',
    from: 'await files.fsync(aside)',
    to: '',
    tests: ['test/files', 'test/delivery/place.test.ts'],
  },
  {
    what: "the folder's new name is not on disk",
    file: 'src/files/place.ts',
    from: 'await files.fsync(folder)',
    to: '',
    tests: ['test/files', 'test/delivery/place.test.ts'],
  },
  // The store.
  {
    what: 'links turn before what they point at is on disk',
    file: 'src/store/commit.ts',
    from: '    await this.#tree.barrier()\n\n    await this.#makeMoves()',
    to: '    await this.#makeMoves()',
    tests: [
      'test/store/directory-store.test.ts',
      'test/store/faults.test.ts',
      'test/store/power.test.ts',
    ],
  },
  {
    what: 'a ledger line that lacks only its newline is cut off',
    file: 'src/store/ledger.ts',
    from: "const parsed = typeof followed === 'string' ? undefined : followed",
    to: 'const parsed = undefined as Exclude<typeof followed, string> | undefined',
    tests: [
      'test/store/directory-store.test.ts',
      'test/store/faults.test.ts',
      'test/store/power.test.ts',
    ],
  },
  {
    what: 'what a killed run made gets no line',
    file: 'src/apply/identities.ts',
    from: 'recordLost(identity, found?.unfinished, batch)',
    to: '',
    tests: ['test/apply/killed.test.ts'],
  },
  // Chains.
  {
    what: 'constraints of intermediates count for nothing',
    file: 'src/x509/verify-chain.ts',
    from: 'for (let above = path.length - 1; above > 0; above -= 1) {',
    to: 'for (let above = path.length - 1; above > path.length - 2; above -= 1) {',
    tests: ['test/x509/verify-chain.test.ts'],
  },
  {
    what: 'no limit of signature checks',
    file: 'src/x509/verify-chain.ts',
    from: 'if (search.checks > mostSignatureChecks) return false',
    to: '',
    tests: ['test/x509/verify-chain.test.ts'],
  },
  {
    what: 'path lengths are off by one',
    file: 'src/x509/verify-chain.ts',
    from: 'below <= allowed) return undefined',
    to: 'below <= allowed + 1) return undefined',
    tests: ['test/x509/verify-chain.test.ts'],
  },
  // Issuance.
  {
    what: 'no room is asked for below a cross-certificate',
    file: 'src/authority/prepare.ts',
    from: 'requireRoomBelow(issuer, 1 + (options.intermediates ?? 0))',
    to: '',
    tests: ['test/authority', 'test/plan/cross.test.ts'],
  },
  {
    what: 'a cross-certificate needs no room for what is below its root',
    file: 'src/authority/prepare.ts',
    from: 'requireRoomBelow(issuer, 1 + (options.intermediates ?? 0))',
    to: 'requireRoomBelow(issuer, 1)',
    tests: ['test/authority', 'test/plan/cross.test.ts'],
  },
  {
    what: "an issuer's own bytes are not linted",
    file: 'src/authority/issue.ts',
    from: 'if (broken !== undefined) throw correspondence(signer.name, `${broken.rule}: ${broken.message}`)',
    to: '',
    tests: ['test/authority'],
  },
  {
    what: 'excluded names need not correspond',
    file: 'src/authority/correspond.ts',
    from: 'setOf(expected.nameConstraints?.excluded),',
    to: 'setOf(returned.nameConstraints?.excluded),',
    tests: ['test/authority'],
  },
  {
    what: 'another version is no difference',
    file: 'src/authority/correspond.ts',
    from: "['version', returned.version, expected.version],",
    to: '',
    tests: ['test/authority'],
  },
  {
    what: 'only the constraints of the issuer itself count, not those above it',
    file: 'src/authority/issuer-facts.ts',
    from: 'constraints: path.flatMap(',
    to: 'constraints: path.slice(0, 1).flatMap(',
    tests: ['test/authority'],
  },
  {
    what: 'what is prepared is not linted',
    file: 'src/authority/prepare.ts',
    from: 'requireClean(lint(expected, rest.lintContext))',
    to: '',
    tests: ['test/authority'],
  },
  // Evidence and gates.
  {
    what: 'a receipt alone opens a gate',
    file: 'src/evidence/gate.ts',
    from: "if (basis !== 'seen') return hold(message, `nomad-pki probe ${address}`)",
    to: '',
    tests: ['test/evidence'],
  },
  {
    what: 'old evidence opens a gate',
    file: 'src/evidence/gate.ts',
    from: 'if (at !== undefined && now - at > evidenceLife) {',
    to: 'if (false) {',
    tests: ['test/evidence'],
  },
  {
    what: 'a server need not be asked at its RPC port',
    file: 'src/evidence/gate.ts',
    from: 'if (runsServer(roleIn(address)) && !seen.some(({ rpc }) => rpc)) return false',
    to: '',
    tests: ['test/evidence'],
  },
  {
    what: 'combined agents are not servers',
    file: 'src/nomad/roles.ts',
    from: "return role !== undefined && roleProfiles[role].labels.includes('server')",
    to: "return role === 'server'",
    tests: ['test/evidence/gate.test.ts', 'test/nomad'],
  },
  {
    what: 'a server that failed is taken for gone',
    file: 'src/probe/members.ts',
    from: "if (status === 'left') gone.push(name)",
    to: "if (status !== 'alive') gone.push(name)",
    tests: ['test/probe/probe.test.ts'],
  },
  // Delivery.
  {
    what: 'going back: whether this agent will trust the others is not asked',
    file: 'src/delivery/judge.ts',
    from: "[present.directory, here, back.directory, there, 'this node refuses agents that still have it'],",
    to: '',
    tests: ['test/delivery/judge.test.ts'],
  },
  {
    what: 'install.sh goes back: whether this agent will trust the others is not asked',
    file: 'templates/install.sh',
    from: 'trusts "$tls/$back/ca.pem" "$tls/$here/cert.pem" ||',
    to: 'true ||',
    tests: ['test/delivery/continuity.test.ts'],
  },
  {
    what: 'a listener without its key is proven',
    file: 'src/delivery/proof.ts',
    from: 'if (!shown.holdsKey) {',
    to: 'if (false) {',
    tests: ['test/delivery/hostile.test.ts'],
  },
  {
    what: 'sums of the parts of an archive are not compared',
    file: 'src/delivery/read-archive.ts',
    from: 'listed.some(({ path, bytes: content }) => manifest.files[path] !== sha256(content))',
    to: 'false',
    tests: ['test/delivery/read-archive.test.ts'],
  },
  {
    what: "the generation's own sums are not compared",
    file: 'src/delivery/read-archive.ts',
    from: 'if (file !== undefined && generation.files[`${part}.pem`] !== sha256(file)) {',
    to: 'if (false) {',
    tests: ['test/delivery/read-archive.test.ts'],
  },
  // Plans.
  {
    what: 'what is pruned is only what identities are',
    file: 'src/plan/make-plan.ts',
    from: 'if (options.prune === true) steps.push(...orphans.map(removal))',
    to: '',
    tests: ['test/plan/make-plan.test.ts', 'test/plan/hold.test.ts'],
  },
  {
    what: 'an authority that a later renewal needs is an orphan',
    file: 'src/plan/orphans.ts',
    from: 'if (!authorities.has(address) && !needed.has(address))',
    to: 'if (!authorities.has(address))',
    tests: ['test/plan/make-plan.test.ts', 'test/rotation'],
  },
  {
    what: 'nobody can sign, and nothing says so',
    file: 'src/cli/commands/rotate-leaves.ts',
    from: 'if (first === undefined || without < chosen.length) return',
    to: 'if (first !== undefined || without < chosen.length) return',
    tests: ['test/scripts.test.ts'],
  },
]
