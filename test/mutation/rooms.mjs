/**
 * The rooms where a fault costs most.
 * - `floor`: the least share of all mutants, in percent, that the tests have to kill.
 * - `tests`: other tests than those of the room (`test/ROOM/`) that look at it as closely.
 * - `without`: tests of the room that are not asked, because they take long and see little of it.
 * - `every`: a sample takes each Nth piece of the room; a whole `.ci/deep` takes 40 minutes with these.
 */

/**
 * @type {Readonly<Record<string, {
 *   floor: number, every: number, tests?: readonly string[], without?: readonly string[]
 * }>>}
 */
export const rooms = {
  files: {
    floor: 85,
    every: 6,
    tests: [
      'test/store/directory-configs.test.ts',
      'test/store/directory-store.test.ts',
      'test/store/faults.test.ts',
      'test/store/left-over.test.ts',
    ],
  },
  store: { floor: 85, every: 16 },
  authority: {
    floor: 85,
    every: 4,
    tests: ['test/issuers/*.test.ts', 'test/checks/*.test.ts', 'test/plan/cross*.test.ts'],
  },
  lint: { floor: 75, every: 16 },
  x509: { floor: 85, every: 16 },
  nomad: { floor: 85, every: 8 },
  hcl: {
    floor: 75,
    every: 10,
    tests: ['test/agent/edit-tls.test.ts', 'test/agent/plan-tls-edit.test.ts'],
  },
  rotation: { floor: 75, every: 4, without: ['test/rotation/follow.test.ts'] },
  evidence: { floor: 75, every: 20 },
  plan: { floor: 75, every: 24, without: ['test/plan/properties.test.ts'] },
  delivery: {
    floor: 75,
    every: 20,
    tests: ['test/cli/pack-layout.test.ts', 'test/cli/pack.test.ts'],
    without: [
      'test/delivery/continuity.test.ts',
      'test/delivery/crash.test.ts',
      'test/delivery/place.test.ts',
      'test/delivery/install-sh.test.ts',
      'test/delivery/reload.test.ts',
    ],
  },
}

/** Single files with a floor of their own. */
export const files = {
  'src/hcl/prove.ts': 85,
  'src/evidence/gate.ts': 85,
  'src/delivery/proof.ts': 85,
}
