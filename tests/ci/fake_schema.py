"""What the fake engine answers to: only what the module uses, so that a call of anything else fails the test."""

from __future__ import annotations

from graphql import build_schema, get_named_type, is_object_type

SDL = """
interface Node { id: ID! }
scalar Platform
enum CacheSharingMode { SHARED PRIVATE LOCKED }
enum ReturnType { SUCCESS FAILURE ANY }
enum ImageLayerCompression { Gzip Uncompressed }
input BuildArg { name: String! value: String! }
type CacheVolume implements Node { id: ID! }
type Secret implements Node { id: ID! plaintext: String! }
type Service implements Node { id: ID! }
type File implements Node { id: ID! contents: String! size: Int! }
type Query {
  version: String!
  container: Container!
  directory: Directory!
  defaultPlatform: Platform!
  cacheVolume(key: String!): CacheVolume!
  setSecret(name: String!, plaintext: String!): Secret!
  node(id: ID!): Node
}
type Directory implements Node {
  id: ID!
  sync: ID!
  entries: [String!]!
  glob(pattern: String!): [String!]!
  file(path: String!): File!
  directory(path: String!): Directory!
  filter(include: [String!], exclude: [String!]): Directory!
  withDirectory(path: String!, source: ID!): Directory!
  withFile(path: String!, source: ID!): Directory!
  withNewFile(path: String!, contents: String!): Directory!
  withNewDirectory(path: String!, permissions: Int): Directory!
  dockerBuild(buildArgs: [BuildArg!], platform: Platform, secrets: [ID!]): Container!
}
type Container implements Node {
  id: ID!
  sync: ID!
  imageRef: String!
  stdout: String!
  stderr: String!
  exitCode: Int!
  file(path: String!): File!
  directory(path: String!): Directory!
  from(address: String!): Container!
  withEnvVariable(name: String!, value: String!): Container!
  withVolatileVariable(name: String!, value: String!): Container!
  withSecretVariable(name: String!, secret: ID!): Container!
  withMountedSecret(path: String!, source: ID!): Container!
  withMountedCache(path: String!, cache: ID!, sharing: CacheSharingMode): Container!
  withMountedDirectory(path: String!, source: ID!): Container!
  withDirectory(path: String!, source: ID!): Container!
  withFile(path: String!, source: ID!, permissions: Int): Container!
  withNewFile(path: String!, contents: String!): Container!
  withWorkdir(path: String!): Container!
  withExec(args: [String!]!, expect: ReturnType): Container!
  withServiceBinding(alias: String!, service: ID!): Container!
  withExposedPort(port: Int!): Container!
  withoutDockerHealthcheck: Container!
  experimentalWithAllGPUs: Container!
  withRegistryAuth(address: String!, username: String!, secret: ID!): Container!
  publish(address: String!, platformVariants: [ID!], forcedCompression: ImageLayerCompression): String!
  asTarball: File!
  rootfs: Directory!
  asService(useEntrypoint: Boolean, args: [String!]): Service!
}
"""

SCHEMA = build_schema(SDL)
TYPES = {
    (name, field_name): get_named_type(value.type).name
    for name, kind in SCHEMA.type_map.items()
    if is_object_type(kind)
    for field_name, value in kind.fields.items()  # type: ignore[attr-defined]
}
