/**
 * Where properties begin: fixed, so that a run can be repeated; `NOMAD_PKI_PROPERTY_SEED` begins
 * elsewhere. `.ci/run` takes the day's, `.ci/deep` several.
 */

import { env } from 'node:process'

export const seed: number = Number(env.NOMAD_PKI_PROPERTY_SEED ?? 20_261_125)
