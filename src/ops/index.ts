/** The operator table: every family's definitions under their ONNX names. */
import { OpTable } from '../op.js'
import { activation } from './activation.js'
import { arithmetic } from './arithmetic.js'
import { attention } from './attention/attention.js'
import { cast } from './cast.js'
import { channelNormalization } from './channel-normalization.js'
import { classificationLoss } from './classification-loss.js'
import { col2im } from './col2im.js'
import { concat } from './concat.js'
import { control } from './control/index.js'
import { convolution } from './convolution.js'
import { crossEntropy } from './cross-entropy.js'
import { cumulative } from './cumulative.js'
import { deformable } from './deformable.js'
import { determinant } from './determinant.js'
import { dropbp } from './dropbp.js'
import { dropout } from './dropout.js'
import { einsum } from './einsum.js'
import { fusedAttention } from './attention/fused.js'
import { gather } from './gather.js'
import { gelu } from './gelu.js'
import { gridSample } from './grid-sample.js'
import { integerProduct } from './integer-product.js'
import { inverse } from './inverse.js'
import { layerNormalization } from './layer-normalization.js'
import { layout } from './layout.js'
import { logic } from './logic.js'
import { matmul } from './matmul.js'
import { microsoftAttention } from './microsoft/attention.js'
import { microsoftFused } from './microsoft/fused.js'
import { microsoftConvolution } from './microsoft/convolution.js'
import { microsoftDropout } from './microsoft/dropout.js'
import { microsoftElementwise } from './microsoft/elementwise.js'
import { microsoftExperts } from './microsoft/experts.js'
import { microsoftMRotary } from './microsoft/mrotary.js'
import { microsoftNormalization } from './microsoft/normalization.js'
import { microsoftStandard } from './microsoft/standard.js'
import { microsoftBnb4 } from './microsoft/bnb4.js'
import { microsoftPacked } from './microsoft/packed.js'
import { microsoftQFused } from './microsoft/qfused.js'
import { microsoftQLinear } from './microsoft/qlinear.js'
import { microsoftQuantized } from './microsoft/quantized.js'
import { pad } from './pad.js'
import { pooling } from './pooling.js'
import { quantize } from './quantize.js'
import { random } from './random.js'
import { recurrent } from './recurrent/index.js'
import { reduction } from './reduction.js'
import { region } from './region.js'
import { reshape } from './reshape.js'
import { resize } from './resize.js'
import { rmsNorm } from './rms-norm.js'
import { rotary } from './rotary.js'
import { rotate } from './rotate.js'
import { scatter } from './scatter.js'
import { select } from './select.js'
import { sequences } from './sequence.js'
import { shape } from './shape.js'
import { signal } from './signal.js'
import { slice } from './slice.js'
import { softmax } from './softmax.js'
import { suppression } from './suppression.js'
import { swiglu } from './swiglu.js'
import { text } from './text.js'
import { top } from './top.js'
import { trigonometry } from './trigonometry.js'
import { unpooling } from './unpooling.js'

/** Definitions of all operators. */
export const standardOps = new OpTable({
  ...activation,
  ...arithmetic,
  ...attention,
  ...cast,
  ...channelNormalization,
  ...classificationLoss,
  ...col2im,
  ...concat,
  ...control,
  ...convolution,
  ...crossEntropy,
  ...cumulative,
  ...deformable,
  ...determinant,
  ...dropbp,
  ...dropout,
  ...einsum,
  ...fusedAttention,
  ...gather,
  ...gelu,
  ...gridSample,
  ...integerProduct,
  ...inverse,
  ...layerNormalization,
  ...layout,
  ...logic,
  ...matmul,
  ...microsoftAttention,
  ...microsoftFused,
  ...microsoftConvolution,
  ...microsoftDropout,
  ...microsoftElementwise,
  ...microsoftExperts,
  ...microsoftMRotary,
  ...microsoftNormalization,
  ...microsoftStandard,
  ...microsoftBnb4,
  ...microsoftPacked,
  ...microsoftQFused,
  ...microsoftQLinear,
  ...microsoftQuantized,
  ...pad,
  ...pooling,
  ...quantize,
  ...random,
  ...recurrent,
  ...reduction,
  ...region,
  ...reshape,
  ...resize,
  ...rmsNorm,
  ...rotary,
  ...rotate,
  ...scatter,
  ...select,
  ...sequences,
  ...shape,
  ...signal,
  ...slice,
  ...softmax,
  ...suppression,
  ...swiglu,
  ...text,
  ...top,
  ...trigonometry,
  ...unpooling,
})
