/** The functions of onnxruntime's C API that the native session calls. */

/** Slots of the `OrtApi` table, which only ever grows at its end; results and arguments as koffi names them. */
export const FUNCTIONS = {
  GetErrorMessage: [2, 'str', ['void *']],
  CreateEnv: [3, 'void *', ['int', 'str', 'void *']],
  CreateSession: [7, 'void *', ['void *', 'path', 'void *', 'void *']],
  CreateSessionFromArray: [8, 'void *', ['void *', 'void *', 'size_t', 'void *', 'void *']],
  Run: [9, 'void *', ['void *', 'void *', 'void *', 'void *', 'size_t', 'void *', 'size_t', 'void *']],
  CreateSessionOptions: [10, 'void *', ['void *']],
  SetSessionExecutionMode: [13, 'void *', ['void *', 'int']],
  EnableMemPattern: [16, 'void *', ['void *']],
  DisableMemPattern: [17, 'void *', ['void *']],
  EnableCpuMemArena: [18, 'void *', ['void *']],
  DisableCpuMemArena: [19, 'void *', ['void *']],
  SetSessionLogSeverityLevel: [22, 'void *', ['void *', 'int']],
  SetSessionGraphOptimizationLevel: [23, 'void *', ['void *', 'int']],
  SetIntraOpNumThreads: [24, 'void *', ['void *', 'int']],
  SetInterOpNumThreads: [25, 'void *', ['void *', 'int']],
  SessionGetInputCount: [30, 'void *', ['void *', 'void *']],
  SessionGetOutputCount: [31, 'void *', ['void *', 'void *']],
  SessionGetInputName: [36, 'void *', ['void *', 'size_t', 'void *', 'void *']],
  SessionGetOutputName: [37, 'void *', ['void *', 'size_t', 'void *', 'void *']],
  CreateTensorWithDataAsOrtValue: [
    49,
    'void *',
    ['void *', 'void *', 'size_t', 'void *', 'size_t', 'int', 'void *'],
  ],
  GetTensorMutableData: [51, 'void *', ['void *', 'void *']],
  GetTensorElementType: [60, 'void *', ['void *', 'void *']],
  GetDimensionsCount: [61, 'void *', ['void *', 'void *']],
  GetDimensions: [62, 'void *', ['void *', 'void *', 'size_t']],
  GetTensorTypeAndShape: [65, 'void *', ['void *', 'void *']],
  CreateCpuMemoryInfo: [69, 'void *', ['int', 'int', 'void *']],
  AllocatorFree: [76, 'void *', ['void *', 'void *']],
  GetAllocatorWithDefaultOptions: [78, 'void *', ['void *']],
  ReleaseStatus: [93, 'void', ['void *']],
  ReleaseSession: [95, 'void', ['void *']],
  ReleaseValue: [96, 'void', ['void *']],
  ReleaseTensorTypeAndShapeInfo: [99, 'void', ['void *']],
  ReleaseSessionOptions: [100, 'void', ['void *']],
  AddSessionConfigEntry: [130, 'void *', ['void *', 'str', 'str']],
  RegisterCustomOpsLibrary_V2: [228, 'void *', ['void *', 'path']],
} as const satisfies Record<string, readonly [slot: number, result: string, arguments: readonly string[]]>

export type FunctionName = keyof typeof FUNCTIONS

/** The functions that answer with a status, and those that do not. */
export type PlainFunction =
  | 'GetErrorMessage'
  | 'ReleaseStatus'
  | 'ReleaseSession'
  | 'ReleaseValue'
  | 'ReleaseTensorTypeAndShapeInfo'
  | 'ReleaseSessionOptions'

/** Values of onnxruntime's C enumerations. */
export const LOG_FATAL = 4
export const SEQUENTIAL = 0
export const OPTIMIZE_ALL = 99
export const ARENA_ALLOCATOR = 1
export const DEFAULT_MEMORY = 0

/** Element types by their number in the C API; strings and complex numbers are no host tensors. */
export const ELEMENT_TYPES: Readonly<Record<number, string>> = {
  1: 'float32',
  2: 'uint8',
  3: 'int8',
  4: 'uint16',
  5: 'int16',
  6: 'int32',
  7: 'int64',
  9: 'bool',
  10: 'float16',
  11: 'float64',
  12: 'uint32',
  13: 'uint64',
  16: 'bfloat16',
}
