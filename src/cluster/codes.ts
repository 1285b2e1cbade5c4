/**
 * The words by which machines know what is wrong with a spec. A code never changes its meaning.
 *
 * @module
 */

/** Every code with its sentence; `shape` are those that the JSON Schema finds as well. */
export const specCodes = {
  'spec/too-large': 'the text is larger than 4 MB',
  'spec/not-text': 'the file holds bytes that are not text',
  'spec/empty': 'the file is empty',
  'spec/syntax': 'the text is not YAML',
  'spec/tab': 'a tab stands where YAML wants spaces',
  'spec/too-many': 'a list, or all nodes together, have too many items',
  'spec/too-deep': 'values are nested too deeply',
  'spec/anchor': 'anchors and aliases are not allowed',
  'spec/tag': 'YAML tags and directives are not allowed',
  'spec/documents': 'the file holds more than one document',
  'spec/duplicate-key': 'a key stands twice in one map',
  'spec/key-type': 'a key is not text',
  'spec/type': 'a value is of the wrong type',
  'spec/value': 'a value is not one of those possible here',
  'spec/unknown-key': 'an unknown key',
  'spec/missing-key': 'a required key is missing',
  'spec/name': 'a name is not valid for a region, node, operator or authority',
  'spec/range': 'a range of nodes is not valid',
  'spec/too-many-nodes': 'the spec describes more nodes than one store can hold',
  'spec/duplicate-node': 'two nodes of one region have the same name',
  'spec/letter-case': 'two names differ in case alone',
  'spec/no-server': 'a region has clients and no server that they could join',
  'spec/reserved-name': 'the name is reserved',
  'spec/shared': 'a shared identity stands beside nodes of their own',
  'spec/empty-cluster': 'the spec names no region or no node',
  'spec/unknown-authority': 'an unknown authority',
  'spec/issuer-cycle': 'authorities sign each other in a circle',
  'spec/issuer-depth': 'an intermediate stands under an intermediate',
  'spec/authority-choice': 'there are several roots and the region does not say which',
  'spec/unused-authority': 'an authority that nothing uses',
  'spec/offline-authority':
    'an authority whose key is on another machine would sign certificates of agents',
  'spec/engine': 'an authority cannot be in Vault or OpenBao as the spec says',
  'spec/separate-roots': 'regions under different roots do not trust each other',
  'spec/generations': 'the generations of an authority do not fit together',
  'spec/irrelevant': 'the value has no effect here',
  'spec/subject': 'a distinguished name that cannot be certified, or stands twice',
  'spec/lifetime': 'a span of time that is zero or beyond a century',
  'spec/beyond-issuer': 'a certificate would outlive its issuer',
  'spec/renew-before': 'the renewal would come before the certificate begins',
  'spec/key-algorithm': 'a key that works, but not everywhere',
  'spec/key-held': 'a key that the node is to hold, where it cannot',
  'spec/renewed-by': 'a node that is to renew itself, where it cannot',
  'spec/template': 'a placeholder that is unknown here, or missing',
  'spec/dns-name': 'a name that a certificate of this role cannot carry',
  'spec/punycode': 'a name is certified in its ASCII form',
  'spec/address': 'not an IP address that can be certified',
  'spec/network': 'not a network in CIDR form',
  'spec/not-covered': 'the intermediate is not allowed to name it',
  'spec/unknown-region': 'no region has that name',
  'spec/region-choice': 'there are several regions and the operator does not say which',
  'spec/region-name': 'a region whose role names are not DNS names',
  'spec/store': 'a folder that cannot be a store',
  'spec/cipher-suite': 'cipher suites with which Nomad does not start',
  'spec/config': 'a configuration that cannot be written, or that two agents share',
  'spec/weak-tls': 'a TLS setting that leaves a door open',
  'spec/edit': 'the edit cannot be made without moving other text',
  'spec/new-region': 'the edit begins a new region',
  'spec/more': 'there are more diagnostics than are shown',
} as const

/** A stable word for what is wrong with a spec. */
export type SpecCode = keyof typeof specCodes

/** The codes that stand for the shape alone: parser and JSON Schema agree on these. */
export const shapeCodes: ReadonlySet<string> = new Set<SpecCode>([
  'spec/type',
  'spec/value',
  'spec/unknown-key',
  'spec/missing-key',
  'spec/name',
])
