/**
 * HCL 1 and JSON configurations as editable trees, exactly as HashiCorp's `hcl` v1.0.1-nomad-1
 * reads them. Syntax, not meaning: this room knows no Nomad.
 *
 * @module
 */

export { decodeText, type Decoded } from './decode.js'
export {
  appendBlock,
  itemsNamed,
  means,
  removeItem,
  replaceLiteral,
  setAttributes,
  type Attribute,
} from './edit.js'
export { hclCodes, type HclCode } from './fault.js'
export { foldKey, sameKey } from './fold.js'
export { asBoolean, asFloat, asInteger, asString, rawText } from './literal.js'
export { isJson, parseConfig, type ParseConfigOptions, type ParsedConfig } from './parse.js'
export { positionsIn } from './positions.js'
export { disproof, objectIn } from './prove.js'
export type {
  Document,
  Item,
  Key,
  List,
  Literal,
  LiteralKind,
  ObjectValue,
  Range,
  Value,
} from './tree.js'
export { unwritable, writeLiteral, type Scalar } from './write-literal.js'
export type { Diagnostic, Position, Severity } from '../diagnostics.js'
export type { Splice } from '../splice.js'
