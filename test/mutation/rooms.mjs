/**
 * The rooms where a fault costs most. `floor`: the least share of all mutants, in percent, that the room's
 * own tests have to kill. `tests`: other tests than those of the room that look at it as closely.
 */

/** @type {Readonly<Record<string, { floor: number, tests?: readonly string[] }>>} */
export const rooms = {
  files: { floor: 85 },
  store: { floor: 85 },
  authority: { floor: 85, tests: ['test/issuers/*.test.ts'] },
  lint: { floor: 75 },
  x509: { floor: 85 },
  nomad: { floor: 85 },
  hcl: { floor: 75 },
  rotation: { floor: 75 },
  evidence: { floor: 75 },
  plan: { floor: 75 },
  delivery: { floor: 75 },
}

/** Single files with a floor of their own. */
export const files = {
  'src/hcl/prove.ts': 85,
  'src/evidence/gate.ts': 85,
  'src/delivery/proof.ts': 85,
}
