/**
 * The sections of a region in the spec: which holds the agents of a role.
 *
 * @module
 */

/** The section that lists the agents of a role. */
export const sections: {
  readonly server: 'servers'
  readonly client: 'clients'
  readonly combined: 'combined'
} = { server: 'servers', client: 'clients', combined: 'combined' }
