/**
 * Signatures of the operators of opsets 7 to 26 and of com.microsoft, as ONNX Runtime 1.30.0 declares them.
 * Made by make.py; do not edit. A line is `operator since|least inputs, least outputs|inputs|outputs|attributes|types`, where
 * `?` marks what is optional, `*` and `~` what repeats with one type or several, `!` what is required, `#` a set of types.
 */

/** Sets of element types. */
export const TYPE_SETS: readonly string[] = [
  'float32,float64,float16,int8,int16,int32,int64,uint8,uint16,uint32,uint64',
  'float32,float64,float16,bfloat16,int8,int16,int32,int64,uint8,uint16,uint32,uint64',
  'float32,float64,float16',
  'float32,float64,float16,bfloat16',
  'float32,float64,float16,int32,int64,uint32,uint64',
  'float32,float64,float16,bfloat16,int32,int64,uint32,uint64',
  'int64',
  'bool',
  'float32,float64,float16,bfloat16,int8,int16,int32,int64,uint8,uint16,uint32,uint64,bool',
  'float32,float64,float16,bfloat16,int8,int16,int32,int64,uint8,uint16,uint32,uint64,bool,other',
  'uint8,uint16,uint32,uint64',
  'int8,int16,int32,int64,uint8,uint16,uint32,uint64',
  'int32,int64',
  'float32,float64,float16,int8,int16,int32,int64,uint8,uint16,uint32,uint64,bool',
  'float32,float64,float16,int8,int16,int32,int64,uint8,uint16,uint32,uint64,bool,string',
  'float32,float64,float16,bfloat16,int8,int16,int32,int64,uint8,uint16,uint32,uint64,bool,string',
  'float32,float64,float16,bfloat16,int8,int16,int32,int64,uint8,uint16,uint32,uint64,bool,string,other',
  'float32',
  'float32,float64,float16,int8,int16,int32,int64,uint8,uint16,uint32,uint64,bool,string,other',
  'other',
  'int8,uint8',
  'int32',
  'float32,float64,int32,int64,uint32,uint64',
  'int8,int32,uint8',
  'int8,int32,uint8,other',
  'float32,float16,bfloat16',
  'int8,int16,int32,uint8,uint16,other',
  'float32,float16,bfloat16,other',
  'float32,float16',
  'float32,float64,float16,bfloat16,other',
  'uint8',
  'int32,int64,bool',
  'float32,float64',
  'float32,bfloat16',
  'float32,float64,float16,int8,uint8',
  'float32,float64,float16,bfloat16,int8,uint8',
  'float32,float64,float16,int8,int16,int32,int64',
  'float32,float64,float16,bfloat16,int8,int16,int32,int64',
  'float32,float64,float16,int32,int64',
  'float32,float64,float16,bfloat16,int32,int64',
  'int8,uint8,other',
  'float32,int32',
  'float32,float16,bfloat16,int32',
  'int8,int16,uint8,uint16,other',
  'float32,float16,bfloat16,int32,other',
  'float32,float64,int16,int32,int64',
  'float32,float64,float16,int8,int32,int64,uint8,uint32,uint64',
  'float32,float64,float16,bfloat16,int8,int32,int64,uint8,uint32,uint64',
  'float32,float64,float16,bfloat16,int8,int32,int64,uint8,uint32,uint64,bool',
  'string',
  'int32,int64,string',
  'float32,float16,int32',
  'uint32',
  'int8',
  'uint8,other',
  'float16',
  'float32,float16,bfloat16,int8,uint8,other',
  'float16,bfloat16',
  'int16,uint16',
  'int32,uint32',
  'float32,float16,bfloat16,uint8',
  'float32,float64,int32,int64,uint32,uint64,string',
  'float16,bfloat16,int8,uint8,other',
  'float32,int8,uint8',
  'float32,uint8,uint16',
]

export const OPERATORS = `
Abs 6|1 1|T|T||T=0
Abs 13|1 1|T|T||T=1
Acos 7|1 1|T|T||T=2
Acos 22|1 1|T|T||T=3
Acosh 9|1 1|T|T||T=2
Acosh 22|1 1|T|T||T=3
Add 7|2 1|T,T|T||T=4
Add 13|2 1|T,T|T||T=5
Add 14|2 1|T,T|T||T=1
Affine 1|1 1|T|T|alpha:f,beta:f|T=2
AffineGrid 20|2 1|T1,T2|T1|align_corners:i|T1=3,T2=6
And 7|2 1|T,T|T1||T=7,T1=7
ArgMax 1|1 1|T|#6|axis:i,keepdims:i|T=0
ArgMax 11|1 1|T|#6|axis:i,keepdims:i|T=0
ArgMax 12|1 1|T|#6|axis:i,keepdims:i,select_last_index:i|T=0
ArgMax 13|1 1|T|#6|axis:i,keepdims:i,select_last_index:i|T=1
ArgMin 1|1 1|T|#6|axis:i,keepdims:i|T=0
ArgMin 11|1 1|T|#6|axis:i,keepdims:i|T=0
ArgMin 12|1 1|T|#6|axis:i,keepdims:i,select_last_index:i|T=0
ArgMin 13|1 1|T|#6|axis:i,keepdims:i,select_last_index:i|T=1
Asin 7|1 1|T|T||T=2
Asin 22|1 1|T|T||T=3
Asinh 9|1 1|T|T||T=2
Asinh 22|1 1|T|T||T=3
Atan 7|1 1|T|T||T=2
Atan 22|1 1|T|T||T=3
Atanh 9|1 1|T|T||T=2
Atanh 22|1 1|T|T||T=3
Attention 23|3 1|T1,T1,T2,U?,T1?,T2?|T1,T1?,T2?,T1?|is_causal:i,kv_num_heads:i,q_num_heads:i,qk_matmul_output_mode:i,scale:f,softcap:f,softmax_precision:i|T1=3,T2=3,U=8
Attention 24|3 1|T1,T1,T2,U?,T1?,T2?,#6?|T1,T1?,T2?,T1?|is_causal:i,kv_num_heads:i,q_num_heads:i,qk_matmul_output_mode:i,scale:f,softcap:f,softmax_precision:i|T1=3,T2=3,U=8
Attention 25|3 1|T1,T1,T2,U?,T1?,T2?,#6?|T1,T1?,T2?,T1?|is_causal:i,kv_num_heads:i,q_num_heads:i,qk_matmul_output_mode:i,scale:f,softcap:f,softmax_precision:i,left_window_size:i,right_window_size:i|T1=3,T2=3,U=8
AveragePool 7|1 1|T|T|auto_pad:s,count_include_pad:i,kernel_shape!:I,pads:I,strides:I|T=2
AveragePool 10|1 1|T|T|auto_pad:s,ceil_mode:i,count_include_pad:i,kernel_shape!:I,pads:I,strides:I|T=2
AveragePool 11|1 1|T|T|auto_pad:s,ceil_mode:i,count_include_pad:i,kernel_shape!:I,pads:I,strides:I|T=2
AveragePool 19|1 1|T|T|auto_pad:s,ceil_mode:i,count_include_pad:i,dilations:I,kernel_shape!:I,pads:I,strides:I|T=2
AveragePool 22|1 1|T|T|auto_pad:s,ceil_mode:i,count_include_pad:i,dilations:I,kernel_shape!:I,pads:I,strides:I|T=3
BatchNormalization 7|5 1|T,T,T,T,T|T,T?,T?,T?,T?|epsilon:f,momentum:f,spatial:i|T=2
BatchNormalization 9|5 1|T,T,T,T,T|T,T?,T?,T?,T?|epsilon:f,momentum:f|T=2
BatchNormalization 14|5 1|T,T,T,U,U|T,U?,U?|epsilon:f,momentum:f,training_mode:i|T=3,U=3
BatchNormalization 15|5 1|T,T1,T1,T2,T2|T,T2?,T2?|epsilon:f,momentum:f,training_mode:i|T=3,T1=3,T2=3
Bernoulli 15|1 1|T1|T2|dtype:i,seed:f|T1=2,T2=8
Bernoulli 22|1 1|T1|T2|dtype:i,seed:f|T1=3,T2=8
BitCast 26|1 1|T1|T2|to!:i|T1=9,T2=9
BitShift 11|2 1|T,T|T|direction!:s|T=10
BitwiseAnd 18|2 1|T,T|T||T=11
BitwiseNot 18|1 1|T|T||T=11
BitwiseOr 18|2 1|T,T|T||T=11
BitwiseXor 18|2 1|T,T|T||T=11
BlackmanWindow 17|1 1|T1|T2|output_datatype:i,periodic:i|T1=12,T2=1
Cast 6|1 1|T1|T2|to!:i|T1=13,T2=13
Cast 9|1 1|T1|T2|to!:i|T1=14,T2=14
Cast 13|1 1|T1|T2|to!:i|T1=15,T2=15
Cast 19|1 1|T1|T2|saturate:i,to!:i|T1=16,T2=16
Cast 21|1 1|T1|T2|saturate:i,to!:i|T1=16,T2=16
Cast 23|1 1|T1|T2|saturate:i,to!:i|T1=16,T2=16
Cast 24|1 1|T1|T2|round_mode:s,saturate:i,to!:i|T1=16,T2=16
Cast 25|1 1|T1|T2|round_mode:s,saturate:i,to!:i|T1=16,T2=16
CastLike 15|2 1|T1,T2|T2||T1=15,T2=15
CastLike 19|2 1|T1,T2|T2|saturate:i|T1=16,T2=16
CastLike 21|2 1|T1,T2|T2|saturate:i|T1=16,T2=16
CastLike 23|2 1|T1,T2|T2|saturate:i|T1=16,T2=16
CastLike 24|2 1|T1,T2|T2|round_mode:s,saturate:i|T1=16,T2=16
CastLike 25|2 1|T1,T2|T2|round_mode:s,saturate:i|T1=16,T2=16
Ceil 6|1 1|T|T||T=2
Ceil 13|1 1|T|T||T=3
Celu 12|1 1|T|T|alpha:f|T=17
CenterCropPad 18|2 1|T,Tind|T|axes:I|T=16,Tind=12
Clip 6|1 1|T|T|max:f,min:f|T=2
Clip 11|1 1|T,T?,T?|T||T=2
Clip 12|1 1|T,T?,T?|T||T=0
Clip 13|1 1|T,T?,T?|T||T=1
Col2Im 18|3 1|T,#6,#6|T|dilations:I,pads:I,strides:I|T=16
Compress 9|2 1|T,T1|T|axis:i|T=18,T1=7
Compress 11|2 1|T,T1|T|axis:i|T=18,T1=7
Concat 4|1 1|T*|T|axis!:i|T=18
Concat 11|1 1|T*|T|axis!:i|T=18
Concat 13|1 1|T*|T|axis!:i|T=16
ConcatFromSequence 11|1 1|S|T|axis!:i,new_axis:i|S=19,T=18
Constant 1|0 1||T|value!:t|T=2
Constant 9|0 1||T|value!:t|T=18
Constant 11|0 1||T|sparse_value:x,value:t|T=18
Constant 12|0 1||T|sparse_value:x,value:t,value_float:f,value_floats:F,value_int:i,value_ints:I,value_string:s,value_strings:S|T=18
Constant 13|0 1||T|sparse_value:x,value:t,value_float:f,value_floats:F,value_int:i,value_ints:I,value_string:s,value_strings:S|T=16
Constant 19|0 1||T|sparse_value:x,value:t,value_float:f,value_floats:F,value_int:i,value_ints:I,value_string:s,value_strings:S|T=16
Constant 21|0 1||T|sparse_value:x,value:t,value_float:f,value_floats:F,value_int:i,value_ints:I,value_string:s,value_strings:S|T=16
Constant 23|0 1||T|sparse_value:x,value:t,value_float:f,value_floats:F,value_int:i,value_ints:I,value_string:s,value_strings:S|T=16
Constant 24|0 1||T|sparse_value:x,value:t,value_float:f,value_floats:F,value_int:i,value_ints:I,value_string:s,value_strings:S|T=16
Constant 25|0 1||T|sparse_value:x,value:t,value_float:f,value_floats:F,value_int:i,value_ints:I,value_string:s,value_strings:S|T=16
ConstantOfShape 9|1 1|T1|T2|value:t|T1=6,T2=13
ConstantOfShape 20|1 1|T1|T2|value:t|T1=6,T2=9
ConstantOfShape 21|1 1|T1|T2|value:t|T1=6,T2=9
ConstantOfShape 23|1 1|T1|T2|value:t|T1=6,T2=9
ConstantOfShape 24|1 1|T1|T2|value:t|T1=6,T2=9
ConstantOfShape 25|1 1|T1|T2|value:t|T1=6,T2=9
Conv 1|2 1|T,T,T?|T|auto_pad:s,dilations:I,group:i,kernel_shape:I,pads:I,strides:I|T=2
Conv 11|2 1|T,T,T?|T|auto_pad:s,dilations:I,group:i,kernel_shape:I,pads:I,strides:I|T=2
Conv 22|2 1|T,T,T?|T|auto_pad:s,dilations:I,group:i,kernel_shape:I,pads:I,strides:I|T=3
ConvInteger 10|2 1|T1,T2,T1?,T2?|T3|auto_pad:s,dilations:I,group:i,kernel_shape:I,pads:I,strides:I|T1=20,T2=20,T3=21
ConvTranspose 1|2 1|T,T,T?|T|auto_pad:s,dilations:I,group:i,kernel_shape:I,output_padding:I,output_shape:I,pads:I,strides:I|T=2
ConvTranspose 11|2 1|T,T,T?|T|auto_pad:s,dilations:I,group:i,kernel_shape:I,output_padding:I,output_shape:I,pads:I,strides:I|T=2
ConvTranspose 22|2 1|T,T,T?|T|auto_pad:s,dilations:I,group:i,kernel_shape:I,output_padding:I,output_shape:I,pads:I,strides:I|T=3
Cos 7|1 1|T|T||T=2
Cos 22|1 1|T|T||T=3
Cosh 9|1 1|T|T||T=2
Cosh 22|1 1|T|T||T=3
Crop 1|1 1|T|T|border:I,scale:I|T=2
CumProd 26|2 1|T,T2|T|exclusive:i,reverse:i|T=5,T2=12
CumSum 11|2 1|T,T2|T|exclusive:i,reverse:i|T=22,T2=12
CumSum 14|2 1|T,T2|T|exclusive:i,reverse:i|T=5,T2=12
DFT 17|1 1|T1,T2?|T1|axis:i,inverse:i,onesided:i|T1=3,T2=12
DFT 20|1 1|T1,T2?,#6?|T1|inverse:i,onesided:i|T1=3,T2=12
DeformConv 19|3 1|T,T,T,T?,T?|T|dilations:I,group:i,kernel_shape:I,offset_group:i,pads:I,strides:I|T=2
DeformConv 22|3 1|T,T,T,T?,T?|T|dilations:I,group:i,kernel_shape:I,offset_group:i,pads:I,strides:I|T=3
DepthToSpace 1|1 1|T|T|blocksize!:i|T=18
DepthToSpace 11|1 1|T|T|blocksize!:i,mode:s|T=18
DepthToSpace 13|1 1|T|T|blocksize!:i,mode:s|T=16
DequantizeLinear 10|2 1|T,#17,T?|#17||T=23
DequantizeLinear 13|2 1|T,#17,T?|#17|axis:i|T=23
DequantizeLinear 19|2 1|T1,T2,T1?|T2|axis:i|T1=24,T2=25
DequantizeLinear 21|2 1|T1,T2,T1?|T2|axis:i,block_size:i|T1=26,T2=25
DequantizeLinear 23|2 1|T1,T2,T1?|T3|axis:i,block_size:i,output_dtype:i|T1=26,T2=25,T3=25
DequantizeLinear 24|2 1|T1,T2,T1?|T3|axis:i,block_size:i,output_dtype:i|T1=26,T2=27,T3=25
DequantizeLinear 25|2 1|T1,T2,T1?|T3|axis:i,block_size:i,output_dtype:i|T1=26,T2=27,T3=25
Det 11|1 1|T|T||T=2
Det 22|1 1|T|T||T=3
DisentangledAttention_TRT 1|3 1|T,T,T|T|factor!:f,span!:i|T=28
Div 7|2 1|T,T|T||T=4
Div 13|2 1|T,T|T||T=5
Div 14|2 1|T,T|T||T=1
Dropout 7|1 1|T|T,T?|ratio:f|T=2
Dropout 10|1 1|T|T,T1?|ratio:f|T=2,T1=7
Dropout 12|1 1|T,T1?,T2?|T,T2?|seed:i|T=2,T1=2,T2=7
Dropout 13|1 1|T,T1?,T2?|T,T2?|seed:i|T=3,T1=2,T2=7
Dropout 22|1 1|T,T1?,T2?|T,T2?|seed:i|T=29,T1=29,T2=7
DynamicQuantizeLinear 11|1 3|T1|T2,#17,T2||T1=17,T2=30
DynamicSlice 1|3 1|T,Tind,Tind,Tind?|T||T=18,Tind=12
EfficientNMS_TRT 1|2 4|T,T,T?|#21,T,T,#21|background_class!:i,box_coding!:i,iou_threshold!:f,max_output_boxes!:i,plugin_version!:s,score_activation!:i,score_threshold!:f|T=28
Einsum 12|1 1|T*|T|equation!:s|T=0
Elu 6|1 1|T|T|alpha:f|T=2
Elu 22|1 1|T|T|alpha:f|T=3
Equal 7|2 1|T,T|T1||T=31,T1=7
Equal 11|2 1|T,T|T1||T=13,T1=7
Equal 13|2 1|T,T|T1||T=8,T1=7
Equal 19|2 1|T,T|T1||T=15,T1=7
Erf 9|1 1|T|T||T=0
Erf 13|1 1|T|T||T=3
Exp 6|1 1|T|T||T=2
Exp 13|1 1|T|T||T=3
Expand 8|2 1|T,#6|T||T=18
Expand 13|2 1|T,#6|T||T=16
EyeLike 9|1 1|T1|T2|dtype:i,k:i|T1=13,T2=13
EyeLike 22|1 1|T1|T2|dtype:i,k:i|T1=8,T2=8
Flatten 1|1 1|T|T|axis:i|T=2
Flatten 9|1 1|T|T|axis:i|T=18
Flatten 11|1 1|T|T|axis:i|T=18
Flatten 13|1 1|T|T|axis:i|T=16
Flatten 21|1 1|T|T|axis:i|T=16
Flatten 23|1 1|T|T|axis:i|T=16
Flatten 24|1 1|T|T|axis:i|T=16
Flatten 25|1 1|T|T|axis:i|T=16
Floor 6|1 1|T|T||T=2
Floor 13|1 1|T|T||T=3
GRU 7|3 0|T,T,T,T?,T1?,T?|T?,T?|activation_alpha:F,activation_beta:F,activations:S,clip:f,direction:s,hidden_size:i,linear_before_reset:i|T=2,T1=21
GRU 14|3 0|T,T,T,T?,T1?,T?|T?,T?|activation_alpha:F,activation_beta:F,activations:S,clip:f,direction:s,hidden_size:i,layout:i,linear_before_reset:i|T=2,T1=21
GRU 22|3 0|T,T,T,T?,T1?,T?|T?,T?|activation_alpha:F,activation_beta:F,activations:S,clip:f,direction:s,hidden_size:i,layout:i,linear_before_reset:i|T=3,T1=21
GRUUnit 1|4 1|T,T,T,T|T|drop_states:i|T=2
Gather 1|2 1|T,Tind|T|axis:i|T=18,Tind=12
Gather 11|2 1|T,Tind|T|axis:i|T=18,Tind=12
Gather 13|2 1|T,Tind|T|axis:i|T=16,Tind=12
GatherElements 11|2 1|T,Tind|T|axis:i|T=18,Tind=12
GatherElements 13|2 1|T,Tind|T|axis:i|T=16,Tind=12
GatherND 11|2 1|T,#6|T||T=18
GatherND 12|2 1|T,#6|T|batch_dims:i|T=18
GatherND 13|2 1|T,#6|T|batch_dims:i|T=16
Gelu 20|1 1|T|T|approximate:s|T=3
Gemm 7|3 1|T,T,T|T|alpha:f,beta:f,transA:i,transB:i|T=2
Gemm 9|3 1|T,T,T|T|alpha:f,beta:f,transA:i,transB:i|T=4
Gemm 11|2 1|T,T,T?|T|alpha:f,beta:f,transA:i,transB:i|T=4
Gemm 13|2 1|T,T,T?|T|alpha:f,beta:f,transA:i,transB:i|T=5
GivenTensorFill 1|0 1|T?|T|extra_shape:I,input_as_shape:i,shape:I,values:F|T=2
GlobalAveragePool 1|1 1|T|T||T=2
GlobalAveragePool 22|1 1|T|T||T=3
GlobalLpPool 2|1 1|T|T|p:i|T=2
GlobalLpPool 22|1 1|T|T|p:i|T=3
GlobalMaxPool 1|1 1|T|T||T=2
GlobalMaxPool 22|1 1|T|T||T=3
Greater 7|2 1|T,T|T1||T=2,T1=7
Greater 9|2 1|T,T|T1||T=0,T1=7
Greater 13|2 1|T,T|T1||T=1,T1=7
GreaterOrEqual 12|2 1|T,T|T1||T=0,T1=7
GreaterOrEqual 16|2 1|T,T|T1||T=1,T1=7
GridSample 16|2 1|T1,T2|T1|align_corners:i,mode:s,padding_mode:s|T1=18,T2=2
GridSample 20|2 1|T1,T2|T1|align_corners:i,mode:s,padding_mode:s|T1=18,T2=2
GridSample 22|2 1|T1,T2|T1|align_corners:i,mode:s,padding_mode:s|T1=16,T2=3
GroupNormalization 18|3 1|T,T,T|T|epsilon:f,num_groups!:i|T=3
GroupNormalization 21|3 1|T,T,T|T|epsilon:f,num_groups!:i,stash_type:i|T=3
HammingWindow 17|1 1|T1|T2|output_datatype:i,periodic:i|T1=12,T2=1
HannWindow 17|1 1|T1|T2|output_datatype:i,periodic:i|T1=12,T2=1
HardSigmoid 6|1 1|T|T|alpha:f,beta:f|T=2
HardSigmoid 22|1 1|T|T|alpha:f,beta:f|T=3
HardSwish 14|1 1|T|T||T=2
HardSwish 22|1 1|T|T||T=3
Hardmax 1|1 1|T|T|axis:i|T=2
Hardmax 11|1 1|T|T|axis:i|T=2
Hardmax 13|1 1|T|T|axis:i|T=3
Identity 1|1 1|T|T||T=18
Identity 13|1 1|T|T||T=16
Identity 14|1 1|V|V||V=16
Identity 16|1 1|V|V||V=16
Identity 19|1 1|V|V||V=16
Identity 21|1 1|V|V||V=16
Identity 23|1 1|V|V||V=16
Identity 24|1 1|V|V||V=16
Identity 25|1 1|V|V||V=16
If 1|1 1|B|V~|else_branch!:g,then_branch!:g|B=7,V=18
If 11|1 1|B|V~|else_branch!:g,then_branch!:g|B=7,V=18
If 13|1 1|B|V~|else_branch!:g,then_branch!:g|B=7,V=18
If 16|1 1|B|V~|else_branch!:g,then_branch!:g|B=7,V=16
If 19|1 1|B|V~|else_branch!:g,then_branch!:g|B=7,V=16
If 21|1 1|B|V~|else_branch!:g,then_branch!:g|B=7,V=16
If 23|1 1|B|V~|else_branch!:g,then_branch!:g|B=7,V=16
If 24|1 1|B|V~|else_branch!:g,then_branch!:g|B=7,V=16
If 25|1 1|B|V~|else_branch!:g,then_branch!:g|B=7,V=16
ImageDecoder 20|1 1|T1|T2|pixel_format:s|T1=30,T2=30
ImageScaler 1|1 1|T|T|bias:F,scale:f|T=2
InstanceNormalization 6|3 1|T,T,T|T|epsilon:f|T=2
InstanceNormalization 22|3 1|T,T,T|T|epsilon:f|T=3
IsInf 10|1 1|T1|T2|detect_negative:i,detect_positive:i|T1=32,T2=7
IsInf 20|1 1|T1|T2|detect_negative:i,detect_positive:i|T1=29,T2=7
IsNaN 9|1 1|T1|T2||T1=2,T2=7
IsNaN 13|1 1|T1|T2||T1=3,T2=7
IsNaN 20|1 1|T1|T2||T1=29,T2=7
LRN 1|1 1|T|T|alpha:f,beta:f,bias:f,size!:i|T=2
LRN 13|1 1|T|T|alpha:f,beta:f,bias:f,size!:i|T=3
LSTM 7|3 0|T,T,T,T?,T1?,T?,T?,T?|T?,T?,T?|activation_alpha:F,activation_beta:F,activations:S,clip:f,direction:s,hidden_size:i,input_forget:i|T=2,T1=21
LSTM 14|3 0|T,T,T,T?,T1?,T?,T?,T?|T?,T?,T?|activation_alpha:F,activation_beta:F,activations:S,clip:f,direction:s,hidden_size:i,input_forget:i,layout:i|T=2,T1=21
LSTM 22|3 0|T,T,T,T?,T1?,T?,T?,T?|T?,T?,T?|activation_alpha:F,activation_beta:F,activations:S,clip:f,direction:s,hidden_size:i,input_forget:i,layout:i|T=3,T1=21
LayerNormalization 1|2 1|T,V,V?|V,U?,U?|axis:i,epsilon:f,stash_type:i|T=3,U=32,V=3
LayerNormalization 17|2 1|T,T,T?|T,U?,U?|axis:i,epsilon:f,stash_type:i|T=3,U=33
LeakyRelu 6|1 1|T|T|alpha:f|T=2
LeakyRelu 16|1 1|T|T|alpha:f|T=3
Less 7|2 1|T,T|T1||T=2,T1=7
Less 9|2 1|T,T|T1||T=0,T1=7
Less 13|2 1|T,T|T1||T=1,T1=7
LessOrEqual 12|2 1|T,T|T1||T=0,T1=7
LessOrEqual 16|2 1|T,T|T1||T=1,T1=7
Log 6|1 1|T|T||T=2
Log 13|1 1|T|T||T=3
LogSoftmax 1|1 1|T|T|axis:i|T=2
LogSoftmax 11|1 1|T|T|axis:i|T=2
LogSoftmax 13|1 1|T|T|axis:i|T=3
Loop 1|3 1|I?,B?,V~|V~|body!:g|B=7,I=6,V=18
Loop 11|2 1|I?,B?,V~|V~|body!:g|B=7,I=6,V=18
Loop 13|2 1|I?,B?,V~|V~|body!:g|B=7,I=6,V=18
Loop 16|2 1|I?,B?,V~|V~|body!:g|B=7,I=6,V=16
Loop 19|2 1|I?,B?,V~|V~|body!:g|B=7,I=6,V=16
Loop 21|2 1|I?,B?,V~|V~|body!:g|B=7,I=6,V=16
Loop 23|2 1|I?,B?,V~|V~|body!:g|B=7,I=6,V=16
Loop 24|2 1|I?,B?,V~|V~|body!:g|B=7,I=6,V=16
Loop 25|2 1|I?,B?,V~|V~|body!:g|B=7,I=6,V=16
LpNormalization 1|1 1|T|T|axis:i,p:i|T=2
LpNormalization 22|1 1|T|T|axis:i,p:i|T=3
LpPool 2|1 1|T|T|auto_pad:s,kernel_shape!:I,p:i,pads:I,strides:I|T=2
LpPool 11|1 1|T|T|auto_pad:s,kernel_shape!:I,p:i,pads:I,strides:I|T=2
LpPool 18|1 1|T|T|auto_pad:s,ceil_mode:i,dilations:I,kernel_shape!:I,p:i,pads:I,strides:I|T=2
LpPool 22|1 1|T|T|auto_pad:s,ceil_mode:i,dilations:I,kernel_shape!:I,p:i,pads:I,strides:I|T=3
MatMul 1|2 1|T,T|T||T=2
MatMul 9|2 1|T,T|T||T=4
MatMul 13|2 1|T,T|T||T=5
MatMulInteger 10|2 1|T1,T2,T1?,T2?|T3||T1=20,T2=20,T3=21
Max 6|1 1|T*|T||T=2
Max 8|1 1|T*|T||T=2
Max 12|1 1|T*|T||T=0
Max 13|1 1|T*|T||T=1
MaxPool 1|1 1|T|T|auto_pad:s,kernel_shape!:I,pads:I,strides:I|T=2
MaxPool 8|1 1|T|T,I?|auto_pad:s,kernel_shape!:I,pads:I,storage_order:i,strides:I|I=6,T=2
MaxPool 10|1 1|T|T,I?|auto_pad:s,ceil_mode:i,dilations:I,kernel_shape!:I,pads:I,storage_order:i,strides:I|I=6,T=2
MaxPool 11|1 1|T|T,I?|auto_pad:s,ceil_mode:i,dilations:I,kernel_shape!:I,pads:I,storage_order:i,strides:I|I=6,T=2
MaxPool 12|1 1|T|T,I?|auto_pad:s,ceil_mode:i,dilations:I,kernel_shape!:I,pads:I,storage_order:i,strides:I|I=6,T=34
MaxPool 22|1 1|T|T,I?|auto_pad:s,ceil_mode:i,dilations:I,kernel_shape!:I,pads:I,storage_order:i,strides:I|I=6,T=35
MaxRoiPool 1|2 1|T,T|T|pooled_shape!:I,spatial_scale:f|T=2
MaxRoiPool 22|2 1|T,T|T|pooled_shape!:I,spatial_scale:f|T=3
MaxUnpool 9|2 1|T1,T2,T2?|T1|kernel_shape!:I,pads:I,strides:I|T1=2,T2=6
MaxUnpool 11|2 1|T1,T2,T2?|T1|kernel_shape!:I,pads:I,strides:I|T1=2,T2=6
MaxUnpool 22|2 1|T1,T2,T2?|T1|kernel_shape!:I,pads:I,strides:I|T1=3,T2=6
Mean 6|1 1|T*|T||T=2
Mean 8|1 1|T*|T||T=2
Mean 13|1 1|T*|T||T=3
MeanVarianceNormalization 1|1 1|T|T|across_channels:i,normalize_variance:i|T=2
MeanVarianceNormalization 9|1 1|T|T|axes:I|T=2
MeanVarianceNormalization 13|1 1|T|T|axes:I|T=3
MelWeightMatrix 17|5 1|T1,T1,T1,T2,T2|T3|output_datatype:i|T1=12,T2=3,T3=1
MemcpyFromHost 1|1 1|T|T||T=9
MemcpyToHost 1|1 1|T|T||T=9
Min 6|1 1|T*|T||T=2
Min 8|1 1|T*|T||T=2
Min 12|1 1|T*|T||T=0
Min 13|1 1|T*|T||T=1
Mish 18|1 1|T|T||T=2
Mish 22|1 1|T|T||T=3
Mod 10|2 1|T,T|T|fmod:i|T=0
Mod 13|2 1|T,T|T|fmod:i|T=1
Mul 7|2 1|T,T|T||T=4
Mul 13|2 1|T,T|T||T=5
Mul 14|2 1|T,T|T||T=1
MultilevelCropAndResize_TRT 1|5 1|T,T,T,T,T|T|image_size!:I,plugin_version!:s,pooled_size!:i|T=17
Multinomial 7|1 1|T1|T2|dtype:i,sample_size:i,seed:f|T1=2,T2=12
Multinomial 22|1 1|T1|T2|dtype:i,sample_size:i,seed:f|T1=3,T2=12
Neg 6|1 1|T|T||T=36
Neg 13|1 1|T|T||T=37
NegativeLogLikelihoodLoss 12|2 1|T,Tind,T?|T|ignore_index:i,reduction:s|T=2,Tind=12
NegativeLogLikelihoodLoss 13|2 1|T,Tind,T?|T|ignore_index:i,reduction:s|T=2,Tind=12
NegativeLogLikelihoodLoss 22|2 1|T,Tind,T?|T|ignore_index:i,reduction:s|T=3,Tind=12
NonMaxSuppression 10|2 1|#17,#17,#6?,#17?,#17?|#6|center_point_box:i|
NonMaxSuppression 11|2 1|#17,#17,#6?,#17?,#17?|#6|center_point_box:i|
NonZero 9|1 1|T|#6||T=18
NonZero 13|1 1|T|#6||T=16
Not 1|1 1|T|T||T=7
OneHot 9|3 1|T1,T2,T3|T3|axis:i|T1=0,T2=0,T3=18
OneHot 11|3 1|T1,T2,T3|T3|axis:i|T1=0,T2=0,T3=18
Optional 15|0 1|V?|O|type:x|O=19,V=18
OptionalGetElement 15|1 1|O|V||O=19,V=18
OptionalGetElement 18|1 1|O|V||O=18,V=18
OptionalHasElement 15|1 1|O|B||B=7,O=19
OptionalHasElement 18|0 1|O?|B||B=7,O=18
Or 7|2 1|T,T|T1||T=7,T1=7
PRelu 7|2 1|T,T|T||T=2
PRelu 9|2 1|T,T|T||T=4
PRelu 16|2 1|T,T|T||T=5
Pad 2|1 1|T|T|mode:s,pads!:I,value:f|T=2
Pad 11|2 1|T,#6,T?|T|mode:s|T=0
Pad 13|2 1|T,#6,T?|T|mode:s|T=16
Pad 18|2 1|T,#6,T?,Tind?|T|mode:s|T=16,Tind=12
Pad 19|2 1|T,#6,T?,Tind?|T|mode:s|T=16,Tind=12
Pad 21|2 1|T,#6,T?,Tind?|T|mode:s|T=16,Tind=12
Pad 23|2 1|T,#6,T?,Tind?|T|mode:s|T=16,Tind=12
Pad 24|2 1|T,#6,T?,Tind?|T|mode:s|T=16,Tind=12
Pad 25|2 1|T,#6,T?,Tind?|T|mode:s|T=16,Tind=12
ParametricSoftplus 1|1 1|T|T|alpha:f,beta:f|T=2
Pow 7|2 1|T,T|T||T=2
Pow 12|2 1|T,T1|T||T=38,T1=0
Pow 13|2 1|T,T1|T||T=39,T1=0
Pow 15|2 1|T,T1|T||T=39,T1=1
PyramidROIAlign_TRT 1|5 1|T,T,T,T,T|T|plugin_version!:s,pooled_size!:i|T=17
QLinearConv 10|8 1|T1,#17,T1,T2,#17,T2,#17,T3,T4?|T3|auto_pad:s,dilations:I,group:i,kernel_shape:I,pads:I,strides:I|T1=20,T2=20,T3=20,T4=21
QLinearMatMul 10|8 1|T1,#17,T1,T2,#17,T2,#17,T3|T3||T1=20,T2=20,T3=20
QLinearMatMul 21|8 1|T1,TS,T1,T2,TS,T2,TS,T3|T3||T1=40,T2=40,T3=40,TS=25
QuantizeLinear 10|2 1|T1,#17,T2?|T2||T1=41,T2=20
QuantizeLinear 13|2 1|T1,#17,T2?|T2|axis:i|T1=41,T2=20
QuantizeLinear 19|2 1|T1,T1,T2?|T2|axis:i,saturate:i|T1=42,T2=40
QuantizeLinear 21|2 1|T1,T1,T2?|T2|axis:i,block_size:i,output_dtype:i,saturate:i|T1=42,T2=43
QuantizeLinear 23|2 1|T1,T2,T3?|T3|axis:i,block_size:i,output_dtype:i,precision:i,saturate:i|T1=42,T2=42,T3=43
QuantizeLinear 24|2 1|T1,T2,T3?|T3|axis:i,block_size:i,output_dtype:i,precision:i,saturate:i|T1=42,T2=44,T3=43
QuantizeLinear 25|2 1|T1,T2,T3?|T3|axis:i,block_size:i,output_dtype:i,precision:i,saturate:i|T1=42,T2=44,T3=43
RMSNormalization 23|2 1|T,V|V|axis:i,epsilon:f,stash_type:i|T=3,V=3
RNN 7|3 0|T,T,T,T?,T1?,T?|T?,T?|activation_alpha:F,activation_beta:F,activations:S,clip:f,direction:s,hidden_size:i|T=2,T1=21
RNN 14|3 0|T,T,T,T?,T1?,T?|T?,T?|activation_alpha:F,activation_beta:F,activations:S,clip:f,direction:s,hidden_size:i,layout:i|T=2,T1=21
RNN 22|3 0|T,T,T,T?,T1?,T?|T?,T?|activation_alpha:F,activation_beta:F,activations:S,clip:f,direction:s,hidden_size:i,layout:i|T=3,T1=21
RandomNormal 1|0 1||T|dtype:i,mean:f,scale:f,seed:f,shape!:I|T=2
RandomNormal 22|0 1||T|dtype:i,mean:f,scale:f,seed:f,shape!:I|T=3
RandomNormalLike 1|1 1|T1|T2|dtype:i,mean:f,scale:f,seed:f|T1=18,T2=2
RandomNormalLike 22|1 1|T1|T2|dtype:i,mean:f,scale:f,seed:f|T1=16,T2=3
RandomUniform 1|0 1||T|dtype:i,high:f,low:f,seed:f,shape!:I|T=2
RandomUniform 22|0 1||T|dtype:i,high:f,low:f,seed:f,shape!:I|T=3
RandomUniformLike 1|1 1|T1|T2|dtype:i,high:f,low:f,seed:f|T1=18,T2=2
RandomUniformLike 22|1 1|T1|T2|dtype:i,high:f,low:f,seed:f|T1=16,T2=3
Range 11|3 1|T,T,T|T||T=45
Reciprocal 6|1 1|T|T||T=2
Reciprocal 13|1 1|T|T||T=3
ReduceL1 1|1 1|T|T|axes:I,keepdims:i|T=4
ReduceL1 11|1 1|T|T|axes:I,keepdims:i|T=4
ReduceL1 13|1 1|T|T|axes:I,keepdims:i|T=5
ReduceL1 18|1 1|T,#6?|T|keepdims:i,noop_with_empty_axes:i|T=5
ReduceL2 1|1 1|T|T|axes:I,keepdims:i|T=4
ReduceL2 11|1 1|T|T|axes:I,keepdims:i|T=4
ReduceL2 13|1 1|T|T|axes:I,keepdims:i|T=5
ReduceL2 18|1 1|T,#6?|T|keepdims:i,noop_with_empty_axes:i|T=5
ReduceLogSum 1|1 1|T|T|axes:I,keepdims:i|T=4
ReduceLogSum 11|1 1|T|T|axes:I,keepdims:i|T=4
ReduceLogSum 13|1 1|T|T|axes:I,keepdims:i|T=5
ReduceLogSum 18|1 1|T,#6?|T|keepdims:i,noop_with_empty_axes:i|T=5
ReduceLogSumExp 1|1 1|T|T|axes:I,keepdims:i|T=4
ReduceLogSumExp 11|1 1|T|T|axes:I,keepdims:i|T=4
ReduceLogSumExp 13|1 1|T|T|axes:I,keepdims:i|T=5
ReduceLogSumExp 18|1 1|T,#6?|T|keepdims:i,noop_with_empty_axes:i|T=5
ReduceMax 1|1 1|T|T|axes:I,keepdims:i|T=4
ReduceMax 11|1 1|T|T|axes:I,keepdims:i|T=4
ReduceMax 12|1 1|T|T|axes:I,keepdims:i|T=46
ReduceMax 13|1 1|T|T|axes:I,keepdims:i|T=47
ReduceMax 18|1 1|T,#6?|T|keepdims:i,noop_with_empty_axes:i|T=47
ReduceMax 20|1 1|T,#6?|T|keepdims:i,noop_with_empty_axes:i|T=48
ReduceMean 1|1 1|T|T|axes:I,keepdims:i|T=4
ReduceMean 11|1 1|T|T|axes:I,keepdims:i|T=4
ReduceMean 13|1 1|T|T|axes:I,keepdims:i|T=5
ReduceMean 18|1 1|T,#6?|T|keepdims:i,noop_with_empty_axes:i|T=5
ReduceMin 1|1 1|T|T|axes:I,keepdims:i|T=4
ReduceMin 11|1 1|T|T|axes:I,keepdims:i|T=4
ReduceMin 12|1 1|T|T|axes:I,keepdims:i|T=46
ReduceMin 13|1 1|T|T|axes:I,keepdims:i|T=47
ReduceMin 18|1 1|T,#6?|T|keepdims:i,noop_with_empty_axes:i|T=47
ReduceMin 20|1 1|T,#6?|T|keepdims:i,noop_with_empty_axes:i|T=48
ReduceProd 1|1 1|T|T|axes:I,keepdims:i|T=4
ReduceProd 11|1 1|T|T|axes:I,keepdims:i|T=4
ReduceProd 13|1 1|T|T|axes:I,keepdims:i|T=5
ReduceProd 18|1 1|T,#6?|T|keepdims:i,noop_with_empty_axes:i|T=5
ReduceSum 1|1 1|T|T|axes:I,keepdims:i|T=4
ReduceSum 11|1 1|T|T|axes:I,keepdims:i|T=4
ReduceSum 13|1 1|T,#6?|T|keepdims:i,noop_with_empty_axes:i|T=5
ReduceSumSquare 1|1 1|T|T|axes:I,keepdims:i|T=4
ReduceSumSquare 11|1 1|T|T|axes:I,keepdims:i|T=4
ReduceSumSquare 13|1 1|T|T|axes:I,keepdims:i|T=5
ReduceSumSquare 18|1 1|T,#6?|T|keepdims:i,noop_with_empty_axes:i|T=5
RegexFullMatch 20|1 1|T1|T2|pattern:s|T1=49,T2=7
Relu 6|1 1|T|T||T=2
Relu 13|1 1|T|T||T=3
Relu 14|1 1|T|T||T=37
Reshape 5|2 1|T,#6|T||T=18
Reshape 13|2 1|T,#6|T||T=16
Reshape 14|2 1|T,#6|T|allowzero:i|T=16
Reshape 19|2 1|T,#6|T|allowzero:i|T=16
Reshape 21|2 1|T,#6|T|allowzero:i|T=16
Reshape 23|2 1|T,#6|T|allowzero:i|T=16
Reshape 24|2 1|T,#6|T|allowzero:i|T=16
Reshape 25|2 1|T,#6|T|allowzero:i|T=16
Resize 10|2 1|T,#17|T|mode:s|T=18
Resize 11|3 1|T1,T2,#17,#6?|T1|coordinate_transformation_mode:s,cubic_coeff_a:f,exclude_outside:i,extrapolation_value:f,mode:s,nearest_mode:s|T1=18,T2=2
Resize 13|1 1|T1,T2?,#17?,#6?|T1|coordinate_transformation_mode:s,cubic_coeff_a:f,exclude_outside:i,extrapolation_value:f,mode:s,nearest_mode:s|T1=16,T2=2
Resize 18|1 1|T1,T2?,#17?,#6?|T1|antialias:i,axes:I,coordinate_transformation_mode:s,cubic_coeff_a:f,exclude_outside:i,extrapolation_value:f,keep_aspect_ratio_policy:s,mode:s,nearest_mode:s|T1=16,T2=2
Resize 19|1 1|T1,T2?,#17?,#6?|T1|antialias:i,axes:I,coordinate_transformation_mode:s,cubic_coeff_a:f,exclude_outside:i,extrapolation_value:f,keep_aspect_ratio_policy:s,mode:s,nearest_mode:s|T1=16,T2=2
ReverseSequence 10|2 1|T,#6|T|batch_axis:i,time_axis:i|T=18
RoiAlign 10|3 1|T1,T1,T2|T1|mode:s,output_height:i,output_width:i,sampling_ratio:i,spatial_scale:f|T1=2,T2=6
RoiAlign 16|3 1|T1,T1,T2|T1|coordinate_transformation_mode:s,mode:s,output_height:i,output_width:i,sampling_ratio:i,spatial_scale:f|T1=2,T2=6
RoiAlign 22|3 1|T1,T1,T2|T1|coordinate_transformation_mode:s,mode:s,output_height:i,output_width:i,sampling_ratio:i,spatial_scale:f|T1=3,T2=6
RotaryEmbedding 23|3 1|T,T,T,M?|T|interleaved:i,num_heads:i,rotary_embedding_dim:i|M=6,T=25
Round 11|1 1|T|T||T=2
Round 22|1 1|T|T||T=3
STFT 17|2 1|T1,T2,T1?,T2?|T1|onesided:i|T1=3,T2=12
Scale 1|1 1|T|T|scale:f|T=2
ScaledTanh 1|1 1|T|T|alpha:f,beta:f|T=2
Scan 8|2 1|I?,V~|V~|body!:g,directions:I,num_scan_inputs!:i|I=6,V=18
Scan 9|1 1|V~|V~|body!:g,num_scan_inputs!:i,scan_input_axes:I,scan_input_directions:I,scan_output_axes:I,scan_output_directions:I|V=18
Scan 11|1 1|V~|V~|body!:g,num_scan_inputs!:i,scan_input_axes:I,scan_input_directions:I,scan_output_axes:I,scan_output_directions:I|V=18
Scan 16|1 1|V~|V~|body!:g,num_scan_inputs!:i,scan_input_axes:I,scan_input_directions:I,scan_output_axes:I,scan_output_directions:I|V=16
Scan 19|1 1|V~|V~|body!:g,num_scan_inputs!:i,scan_input_axes:I,scan_input_directions:I,scan_output_axes:I,scan_output_directions:I|V=16
Scan 21|1 1|V~|V~|body!:g,num_scan_inputs!:i,scan_input_axes:I,scan_input_directions:I,scan_output_axes:I,scan_output_directions:I|V=16
Scan 23|1 1|V~|V~|body!:g,num_scan_inputs!:i,scan_input_axes:I,scan_input_directions:I,scan_output_axes:I,scan_output_directions:I|V=16
Scan 24|1 1|V~|V~|body!:g,num_scan_inputs!:i,scan_input_axes:I,scan_input_directions:I,scan_output_axes:I,scan_output_directions:I|V=16
Scan 25|1 1|V~|V~|body!:g,num_scan_inputs!:i,scan_input_axes:I,scan_input_directions:I,scan_output_axes:I,scan_output_directions:I|V=16
Scatter 9|3 1|T,Tind,T|T|axis:i|T=18,Tind=12
ScatterElements 11|3 1|T,Tind,T|T|axis:i|T=18,Tind=12
ScatterElements 13|3 1|T,Tind,T|T|axis:i|T=16,Tind=12
ScatterElements 16|3 1|T,Tind,T|T|axis:i,reduction:s|T=16,Tind=12
ScatterElements 18|3 1|T,Tind,T|T|axis:i,reduction:s|T=16,Tind=12
ScatterND 11|3 1|T,#6,T|T||T=18
ScatterND 13|3 1|T,#6,T|T||T=16
ScatterND 16|3 1|T,#6,T|T|reduction:s|T=16
ScatterND 18|3 1|T,#6,T|T|reduction:s|T=16
Selu 6|1 1|T|T|alpha:f,gamma:f|T=2
Selu 22|1 1|T|T|alpha:f,gamma:f|T=3
SequenceAt 11|2 1|S,I|T||I=12,S=19,T=18
SequenceConstruct 11|1 1|T*|S||S=19,T=18
SequenceEmpty 11|0 1||S|dtype:i|S=19
SequenceErase 11|1 1|S,I?|S||I=12,S=19
SequenceInsert 11|2 1|S,T,I?|S||I=12,S=19,T=18
SequenceLength 11|1 1|S|I||I=6,S=19
SequenceMap 17|1 1|S,V~|S~|body!:g|S=19,V=18
Shape 1|1 1|T|T1||T=18,T1=6
Shape 13|1 1|T|T1||T=16,T1=6
Shape 15|1 1|T|T1|end:i,start:i|T=16,T1=6
Shape 19|1 1|T|T1|end:i,start:i|T=16,T1=6
Shape 21|1 1|T|T1|end:i,start:i|T=16,T1=6
Shape 23|1 1|T|T1|end:i,start:i|T=16,T1=6
Shape 24|1 1|T|T1|end:i,start:i|T=16,T1=6
Shape 25|1 1|T|T1|end:i,start:i|T=16,T1=6
Shrink 9|1 1|T|T|bias:f,lambd:f|T=0
Sigmoid 6|1 1|T|T||T=2
Sigmoid 13|1 1|T|T||T=3
Sign 9|1 1|T|T||T=0
Sign 13|1 1|T|T||T=1
SimplifiedLayerNormalization 1|2 1|T,V|V,U?|axis:i,epsilon:f,stash_type:i|T=3,U=32,V=3
Sin 7|1 1|T|T||T=2
Sin 22|1 1|T|T||T=3
Sinh 9|1 1|T|T||T=2
Sinh 22|1 1|T|T||T=3
Size 1|1 1|T|T1||T=18,T1=6
Size 13|1 1|T|T1||T=16,T1=6
Size 19|1 1|T|T1||T=16,T1=6
Size 21|1 1|T|T1||T=16,T1=6
Size 23|1 1|T|T1||T=16,T1=6
Size 24|1 1|T|T1||T=16,T1=6
Size 25|1 1|T|T1||T=16,T1=6
Slice 1|1 1|T|T|axes:I,ends!:I,starts!:I|T=18
Slice 10|3 1|T,Tind,Tind,Tind?,Tind?|T||T=18,Tind=12
Slice 11|3 1|T,Tind,Tind,Tind?,Tind?|T||T=18,Tind=12
Slice 13|3 1|T,Tind,Tind,Tind?,Tind?|T||T=16,Tind=12
Softmax 1|1 1|T|T|axis:i|T=2
Softmax 11|1 1|T|T|axis:i|T=2
Softmax 13|1 1|T|T|axis:i|T=3
SoftmaxCrossEntropyLoss 12|2 1|T,Tind,T?|T,T?|ignore_index:i,reduction:s|T=2,Tind=12
SoftmaxCrossEntropyLoss 13|2 1|T,Tind,T?|T,T?|ignore_index:i,reduction:s|T=3,Tind=12
Softplus 1|1 1|T|T||T=2
Softplus 22|1 1|T|T||T=3
Softsign 1|1 1|T|T||T=2
Softsign 22|1 1|T|T||T=3
SpaceToDepth 1|1 1|T|T|blocksize!:i|T=18
SpaceToDepth 13|1 1|T|T|blocksize!:i|T=16
Split 2|1 1|T|T*|axis:i,split:I|T=18
Split 11|1 1|T|T*|axis:i,split:I|T=18
Split 13|1 1|T,#6?|T*|axis:i|T=16
Split 18|1 1|T,#6?|T*|axis:i,num_outputs:i|T=16
SplitToSequence 11|1 1|T,I?|S|axis:i,keepdims:i|I=12,S=19,T=18
SplitToSequence 24|1 1|T,I?|S|axis:i,keepdims:i|I=12,S=19,T=16
Sqrt 6|1 1|T|T||T=2
Sqrt 13|1 1|T|T||T=3
Squeeze 1|1 1|T|T|axes:I|T=18
Squeeze 11|1 1|T|T|axes:I|T=18
Squeeze 13|1 1|T,#6?|T||T=16
Squeeze 21|1 1|T,#6?|T||T=16
Squeeze 23|1 1|T,#6?|T||T=16
Squeeze 24|1 1|T,#6?|T||T=16
Squeeze 25|1 1|T,#6?|T||T=16
StringConcat 20|2 1|T,T|T||T=49
StringNormalizer 10|1 1|#49|#49|case_change_action:s,is_case_sensitive:i,locale:s,stopwords:S|
StringSplit 20|1 2|T1|T2,T3|delimiter:s,maxsplit:i|T1=49,T2=49,T3=6
Sub 7|2 1|T,T|T||T=4
Sub 13|2 1|T,T|T||T=5
Sub 14|2 1|T,T|T||T=1
Sum 6|1 1|T*|T||T=2
Sum 8|1 1|T*|T||T=2
Sum 13|1 1|T*|T||T=3
Swish 24|1 1|T|T|alpha:f|T=3
Tan 7|1 1|T|T||T=2
Tan 22|1 1|T|T||T=3
Tanh 6|1 1|T|T||T=2
Tanh 13|1 1|T|T||T=3
TensorScatter 24|2 1|T,T,#6?|T|axis:i,mode:s|T=16
TfIdfVectorizer 9|1 1|T|T1|max_gram_length!:i,max_skip_count!:i,min_gram_length!:i,mode!:s,ngram_counts!:I,ngram_indexes!:I,pool_int64s:I,pool_strings:S,weights:F|T=50,T1=17
ThresholdedRelu 1|1 1|T|T|alpha:f|T=2
ThresholdedRelu 10|1 1|T|T|alpha:f|T=2
ThresholdedRelu 22|1 1|T|T|alpha:f|T=3
Tile 6|2 1|T,T1|T||T=18,T1=6
Tile 13|2 1|T,T1|T||T=16,T1=6
TopK 1|1 2|T|T,I|axis:i,k!:i|I=6,T=2
TopK 10|2 2|T,#6|T,I|axis:i|I=6,T=2
TopK 11|2 2|T,#6|T,I|axis:i,largest:i,sorted:i|I=6,T=0
TopK 24|2 2|T,#6|T,I|axis:i,largest:i,sorted:i|I=6,T=1
Transpose 1|1 1|T|T|perm:I|T=18
Transpose 13|1 1|T|T|perm:I|T=16
Transpose 21|1 1|T|T|perm:I|T=16
Transpose 23|1 1|T|T|perm:I|T=16
Transpose 24|1 1|T|T|perm:I|T=16
Transpose 25|1 1|T|T|perm:I|T=16
Trilu 14|1 1|T,#6?|T|upper:i|T=16
Unique 11|1 1|T|T,#6?,#6?,#6?|axis:i,sorted:i|T=18
Unsqueeze 1|1 1|T|T|axes!:I|T=18
Unsqueeze 11|1 1|T|T|axes!:I|T=18
Unsqueeze 13|2 1|T,#6|T||T=16
Unsqueeze 21|2 1|T,#6|T||T=16
Unsqueeze 23|2 1|T,#6|T||T=16
Unsqueeze 24|2 1|T,#6|T||T=16
Unsqueeze 25|2 1|T,#6|T||T=16
Upsample 7|1 1|T|T|mode:s,scales!:F|T=18
Upsample 9|2 1|T,#17|T|mode:s|T=18
Where 9|3 1|B,T,T|T||B=7,T=18
Where 16|3 1|B,T,T|T||B=7,T=16
Xor 7|2 1|T,T|T1||T=7,T1=7
com.microsoft::Attention 1|2 1|T,T,T?,M?,T?,T?,M?|T,T?|do_rotary:i,mask_filter_value:f,num_heads!:i,past_present_share_buffer:i,qkv_hidden_sizes:I,rotary_embedding_dim:i,scale:f,unidirectional:i|M=21,T=25
com.microsoft::AttnLSTM 1|3 0|T,T,T,T?,T1?,T?,T?,T?,T?,T?,T?,T?,T1?,T?|T?,T?,T?|activation_alpha:F,activation_beta:F,activations:S,clip:f,direction:s,hidden_size:i,input_forget:i|T=32,T1=21
com.microsoft::BeamSearch 1|5 1|F,I,I?,I,I,T?,T?,M?,M?,I?,I?,I?|I,T?,T?|decoder!:g,decoder_start_token_id:i,early_stopping:i,encoder:g,eos_token_id!:i,init_decoder:g,model_type:i,no_repeat_ngram_size:i,pad_token_id!:i,vocab_size:i|F=51,I=21,M=21,T=28
com.microsoft::BiasAdd 1|3 1|T,T,T|T||T=28
com.microsoft::BiasDropout 1|2 1|T,T,T?,T1?,T2?|T,T2?|seed:i|T=3,T1=3,T2=7
com.microsoft::BiasGelu 1|2 1|T,T|T||T=3
com.microsoft::BiasSoftmax 1|2 1|T,T|T|axis:i,is_inner_broadcast!:i|T=2
com.microsoft::BiasSplitGelu 1|2 1|T,T|T||T=28
com.microsoft::BifurcationDetector 1|3 2|T,T,T,T?|T,T|max_ngram_size:i,min_ngram_size:i|T=6
com.microsoft::BitmaskBiasDropout 1|2 1|T,T,T?,T1?,T2?|T,T3?|seed:i|T=3,T1=3,T2=7,T3=52
com.microsoft::BitmaskDropout 1|1 1|T,T1?,T2?|T,T3?|seed:i|T=3,T1=3,T2=7,T3=52
com.microsoft::CDist 1|2 1|T,T|T|metric:s|T=32
com.microsoft::CausalConvWithState 1|2 2|T,T,T?,T?|T,T|activation:s,channels_last:i,dilation:i,ndim:i,state_window:i|T=25
com.microsoft::ComplexMul 1|2 1|T,T|T||T=2
com.microsoft::ComplexMulConj 1|2 1|T,T|T||T=2
com.microsoft::ConvTransposeWithDynamicPads 1|2 1|T,T,#6?,T?|T|auto_pad:s,dilations:I,group:i,kernel_shape:I,output_padding:I,strides:I|T=2
com.microsoft::CropAndResize 1|4 1|T1,T1,T2,T2|T1|extrapolation_value:f,mode:s|T1=2,T2=21
com.microsoft::DecoderAttention 1|12 1|T,T,T,T,T,B?,T?,T?,B,B,B,B|T,T?,T?|mask_filter_value:f,num_heads!:i|B=7,T=28
com.microsoft::DecoderMaskedMultiHeadAttention 1|1 1|T,T?,T?,M?,T?,T?,T?,M?,M?,M?,T?|T,T?,T?,QK?|mask_filter_value:f,num_heads!:i,output_qk:i,past_present_share_buffer:i,scale:f|M=21,QK=28,T=28
com.microsoft::DecoderMaskedSelfAttention 1|7 2|T,T,T,M?,T,T?,M,M?,M?|T,T|do_rotary:i,mask_filter_value:f,num_heads!:i,past_present_share_buffer:i,scale:f|M=21,T=28
com.microsoft::DequantizeBFP 1|3 1|T1,T2,T2|T3|bfp_type!:i,block_dim:i,dtype:i|T1=30,T2=6,T3=25
com.microsoft::DequantizeLinear 1|2 1|T1,T2,T1?|T2|axis:i|T1=26,T2=28
com.microsoft::DequantizeWithOrder 1|2 1|Q,S|F|order_input!:i,order_output!:i,to!:i|F=28,Q=53,S=17
com.microsoft::DynamicQuantizeLSTM 1|12 0|T,T2,T2,T?,T1?,T?,T?,T?,T,T2,T,T2|T?,T?,T?|activation_alpha:F,activation_beta:F,activations:S,clip:f,direction:s,hidden_size:i,input_forget:i|T=17,T1=21,T2=20
com.microsoft::DynamicQuantizeMatMul 1|3 1|T1,T2,T1,T2?,T1?|T1||T1=17,T2=20
com.microsoft::DynamicTimeWarping 1|1 1|F|I||F=17,I=21
com.microsoft::EPContext 1|0 1|T~|T~|embed_mode:i,ep_cache_context:s,ep_sdk_version:s,hardware_architecture:s,main_context:i,max_size:i,notes:s,onnx_model_filename:s,partition_name:s,source:s|T=8
com.microsoft::EmbedLayerNormalization 1|7 1|T1,T1?,T,T,T?,T,T,T1?,T1?|T,T1?,T?|epsilon:f,mask_index_type:i|T=28,T1=21
com.microsoft::EngramGate 1|5 1|T,T,T,T,T|T|epsilon:f|T=25
com.microsoft::ExpandDims 1|2 1|T,#21|T||T=18
com.microsoft::FastGelu 1|1 1|T,T?|T||T=3
com.microsoft::FusedConv 1|2 1|T,T,T?,T?|T|activation:s,activation_params:F,auto_pad:s,dilations:I,group:i,kernel_shape:I,pads:I,strides:I|T=2
com.microsoft::FusedGemm 1|2 1|T,T,T?|T|activation:s,activation_alpha:f,activation_beta:f,activation_gamma:f,alpha:f,beta:f,transA:i,transB:i|T=4
com.microsoft::FusedMatMul 1|2 1|T,T|T|alpha:f,transA:i,transB:i,transBatchA:i,transBatchB:i|T=3
com.microsoft::FusedMatMulActivation 1|2 1|T,T|T|activation!:s,activation_alpha:f,activation_axis:i,activation_beta:f,activation_gamma:f,alpha:f,transA:i,transB:i,transBatchA:i,transBatchB:i|T=3
com.microsoft::GatedAdd 1|3 1|T,T,T|T||T=25
com.microsoft::GatedDeltaNet 1|3 1|T,T,T,TI?,TS?,TS?,TS?,TS?,TS?,TI?,TI?|T,TS?,TS?|beta_activation:s,chunk_size:i,gate_activation:s,qk_l2_norm:i,scale:f,state_update_capacity:i,update_rule:s|T=25,TI=21,TS=17
com.microsoft::GatedRMSNorm 1|3 1|T,T,T|T|epsilon:f|T=25
com.microsoft::GatedRelativePositionBias 1|6 1|T,T,T,T,T,T,M?|T|num_heads!:i|M=21,T=28
com.microsoft::GatherBlockQuantized 1|3 1|T1,Tind,T2,T1?|T2|bits:i,block_size:i,gather_axis:i,quantize_axis:i|T1=54,T2=25,Tind=12
com.microsoft::GatherND 1|2 1|T,Tind|T||T=18,Tind=12
com.microsoft::Gelu 1|1 1|T|T||T=3
com.microsoft::GemmFastGelu 1|2 1|T,T,T?|T||T=25
com.microsoft::GemmFloat8 1|2 1|TA,TB,TC?,TS?,TS?,TS?|TR|activation:s,alpha:f,beta:f,dtype:i,transA:i,transB:i|TA=27,TB=27,TC=25,TR=27,TS=17
com.microsoft::GemmaRotaryEmbedding 1|5 2|U,T,T,T,T|T,T||T=55,U=17
com.microsoft::GreedySearch 1|2 1|I,I,I?,T?,I?,I?,I?|I|decoder!:g,decoder_start_token_id:i,encoder:g,eos_token_id!:i,init_decoder:g,model_type:i,no_repeat_ngram_size:i,pad_token_id!:i,vocab_size:i|I=21,T=17
com.microsoft::GridSample 1|2 1|T1,T1|T2|align_corners:i,mode:s,padding_mode:s|T1=18,T2=2
com.microsoft::GroupNorm 1|3 1|T,M,M|T|activation!:i,channels_last:i,epsilon:f,groups!:i|M=28,T=28
com.microsoft::GroupQueryAttention 1|7 1|T,T?,T?,T_CACHE?,T_CACHE?,M,M,T?,T?,#6?,T?,T?,T_KV_SCALE?,T_KV_SCALE?,T?,T?|T,T_CACHE?,T_CACHE?,T?|causal:i,do_rotary:i,k_quant_type:s,kv_cache_bit_width:i,kv_num_heads!:i,local_window_size:i,num_heads!:i,qk_norm_epsilon:f,qk_output:i,rotary_interleaved:i,scale:f,sliding_window_cache:i,smooth_softmax:i,softcap:f,v_quant_type:s|M=21,T=25,T_CACHE=56,T_KV_SCALE=17
com.microsoft::Inverse 1|1 1|T|T||T=2
com.microsoft::Irfft 1|1 1|T|T|normalized:i,onesided:i,signal_ndim!:i|T=2
com.microsoft::IsAllFinite 1|1 1|V*|T|isinf_only:i,isnan_only:i|T=7,V=3
com.microsoft::LinearAttention 1|3 2|T,T,T,S?,T?,T?|T,S|chunk_size:i,kv_num_heads!:i,q_num_heads!:i,scale:f,state_window:i,update_rule:s|S=25,T=25
com.microsoft::LinearAttentionGate 1|3 1|T,TF,TF,T?|T,T?||T=25,TF=17
com.microsoft::LongformerAttention 1|7 1|T,T,T,T,T,T,G|T|num_heads!:i,window!:i|G=21,T=28
com.microsoft::MRotaryEmbedding 1|4 1|T,M,T,T|T|interleaved:i,is_packed_batching:i,mrope_layout:i,mrope_section!:I,num_heads:i,rotary_embedding_dim:i,scale:f|M=6,T=25
com.microsoft::MatMulBlockQuantizedFp4Weight 1|4 1|T,T1,T2,T3,T3?,T?|T|block_size:i|T=57,T1=30,T2=30,T3=17
com.microsoft::MatMulBlockQuantizedFp8Weight 1|3 1|T,T1,T2,T2?,T?|T|block_size:i|T=57,T1=19,T2=17
com.microsoft::MatMulBnb4 1|3 1|T1,T2,T1|T1|K!:i,N!:i,block_size!:i,quant_type!:i,training_mode:i,transB:i|T1=25,T2=30
com.microsoft::MatMulFpQ4 1|3 1|T1,T2,T3|T1|blk_quant_type:i|T1=17,T2=30,T3=6
com.microsoft::MatMulInteger16 1|2 1|T1,T2|T3||T1=58,T2=58,T3=59
com.microsoft::MatMulIntegerToFloat 1|4 1|T1,T2,T3,T3,T1?,T2?,T3?|T3||T1=20,T2=20,T3=28
com.microsoft::MatMulNBits 1|3 1|T1,T2,T1,T3?,T4?,T1?|T1|K!:i,N!:i,accuracy_level:i,bits:i,block_size!:i,weight_prepacked:i|T1=25,T2=30,T3=60,T4=21
com.microsoft::MatMulNBitsMlp 1|8 1|T1,T1?,T1?,T2,T1,T1?,T2,T1,T1?|T1,T1?|K!:i,N!:i,accuracy_level:i,activation!:s,bits:i,block_size!:i,epsilon:f|T1=25,T2=30
com.microsoft::MatMulNBitsQkv 1|11 3|T1,T1?,T1,T2,T1,T1?,T2,T1,T1?,T2,T1,T1?|T1,T1,T1,T1?|K!:i,Nkv!:i,Nq!:i,accuracy_level:i,bits:i,block_size!:i,epsilon:f|T1=25,T2=30
com.microsoft::MaxpoolWithMask 1|2 1|T,#21|T|auto_pad:s,kernel_shape:I,pads:I,storage_order:i,strides:I|T=17
com.microsoft::MoE 1|5 1|T,T,T,T?,T,T?,T?,T?|T|activation_alpha:f,activation_beta:f,activation_type:s,k:i,normalize_routing_weights:i,swiglu_fusion:i,swiglu_limit:f,use_sparse_mixer:i|T=25
com.microsoft::MulInteger 1|3 1|T,T?,T,T?|T1||T=20,T1=21
com.microsoft::MultiHeadAttention 1|1 1|T,T?,T?,T?,M?,T?,T?,T?,M?,M?|T,T?,T?,QK?|mask_filter_value:f,num_heads!:i,scale:f,unidirectional:i|M=21,QK=25,T=25
com.microsoft::MurmurHash3 1|1 1|T1|T2|positive:i,seed:i|T1=61,T2=59
com.microsoft::NGramHashMapping 1|3 1|M,M,M,M?|M,M?|max_ngram_size!:i,n_head_per_ngram!:i,pad_id!:i|M=12
com.microsoft::NGramRepeatBlock 1|2 1|Tid,T|T|ngram_size!:i|T=17,Tid=6
com.microsoft::NhwcConv 1|2 1|T,T,T?|T|auto_pad:s,dilations:I,group:i,kernel_shape:I,pads:I,strides:I|T=2
com.microsoft::NhwcFusedConv 1|2 1|T,T,T?,T?|T|activation:s,activation_params:F,auto_pad:s,dilations:I,group:i,kernel_shape:I,pads:I,strides:I|T=28
com.microsoft::NhwcMaxPool 1|1 1|T|T|auto_pad:s,ceil_mode:i,dilations:I,kernel_shape!:I,pads:I,strides:I|T=20
com.microsoft::PackedAttention 1|5 1|T,T,T,M,M,T?|T|num_heads!:i,qkv_hidden_sizes:I,scale:f|M=21,T=28
com.microsoft::PackedMultiHeadAttention 1|6 1|T,T?,T?,T?,M,M,T?|T|mask_filter_value:f,num_heads!:i,scale:f|M=21,T=28
com.microsoft::Pad 1|2 1|T,#6,T?|T|mode:s|T=2
com.microsoft::PagedAttention 1|8 1|T,T?,T?,T_CACHE,T_CACHE?,S,S,S,T?,T?,S?,T?,T?,T?,T_KV_SCALE?,T_KV_SCALE?,S?|T,T_CACHE?,T_CACHE?|do_rotary:i,is_causal:i,k_cache_dtype:s,k_quant_type:s,kv_cache_layout:s,kv_num_heads!:i,local_window_size:i,num_heads!:i,qk_norm_epsilon:f,rotary_interleaved:i,rotary_offset:i,scale:f,softcap:f,v_cache_dtype:s,v_head_size:i,v_quant_type:s|S=21,T=57,T_CACHE=62,T_KV_SCALE=17
com.microsoft::QAttention 1|5 1|T1,T2,T3,T3,T3,T4?,T1?,T2?,T3?|T3,T3?|do_rotary:i,mask_filter_value:f,num_heads!:i,past_present_share_buffer:i,scale:f,unidirectional:i|T1=20,T2=20,T3=28,T4=21
com.microsoft::QEmbedLayerNormalization 1|18 2|T1,T1?,T2,T2,T2?,T2,T2,T1?,T,T,T?,T,T,T2,T2,T2?,T2,T2|T,T1|epsilon:f|T=17,T1=21,T2=20
com.microsoft::QGemm 1|6 1|TA,T,TA,TB,T,TB,TC?,T?,TYZ?|TY|alpha:f,transA:i,transB:i|T=17,TA=20,TB=20,TC=21,TY=63,TYZ=20
com.microsoft::QLinearAdd 1|7 1|T,#17,T?,T,#17,T?,#17,T?|T||T=20
com.microsoft::QLinearAveragePool 1|4 1|T,#17,T?,#17,T?|T|auto_pad:s,ceil_mode:i,channels_last:i,count_include_pad:i,kernel_shape!:I,pads:I,strides:I|T=20
com.microsoft::QLinearConcat 1|3 1|TF,T8,TV~|T8|axis!:i|T8=20,TF=17,TV=63
com.microsoft::QLinearConv 1|8 1|T1,#17,T1,T2,#17,T2,#17,T3,T4?|T3|auto_pad:s,channels_last:i,dilations:I,group:i,kernel_shape:I,pads:I,strides:I|T1=20,T2=20,T3=20,T4=21
com.microsoft::QLinearGlobalAveragePool 1|5 1|T,#17,T,#17,T|T|channels_last:i|T=20
com.microsoft::QLinearLeakyRelu 1|4 1|T,#17,T?,#17,T?|T|alpha:f|T=20
com.microsoft::QLinearMul 1|7 1|T,#17,T?,T,#17,T?,#17,T?|T||T=20
com.microsoft::QLinearReduceMean 1|4 1|T,#17,T?,#17,T?|T|axes!:I,keepdims!:i|T=20
com.microsoft::QLinearSigmoid 1|4 1|T,#17,T?,#17,T?|T||T=20
com.microsoft::QLinearSoftmax 1|5 1|T,#17,T?,#17,T|T|axis:i,opset!:i|T=20
com.microsoft::QLinearWhere 1|9 1|B,T,TF,T,T,TF,T,TF,T|T||B=7,T=20,TF=17
com.microsoft::QMoE 1|6 1|T,T,T1,T2?,T?,T1,T2?,T?,T1?,T2?,T?,T1?,T1?,T1?,T?,T4?,T4?,T4?,T4?,T2?,T2?|T|activation_alpha:f,activation_beta:f,activation_type:s,block_size:i,expert_weight_bits:i,k:i,normalize_routing_weights:i,quant_type:s,swiglu_fusion:i,swiglu_limit:f,use_sparse_mixer:i,weights_prepacked:i|T=25,T1=54,T2=27,T4=17
com.microsoft::QOrderedAttention 1|17 1|Q,S,S,S,S,Q,Q,Q,S,S,S,S,S,S,S?,S?,S,G?,Q?,S?|Q|num_heads!:i,order_input!:i,order_output!:i,order_weight!:i,qkv_hidden_sizes:I,unidirectional:i|G=21,Q=53,S=17
com.microsoft::QOrderedGelu 1|3 1|Q,S,S|Q|order_X:i,order_Y:i|Q=53,S=17
com.microsoft::QOrderedLayerNormalization 1|5 1|Q,S,F,F?,S|Q|axis:i,epsilon:f,order_X:i,order_Y:i|F=28,Q=53,S=17
com.microsoft::QOrderedLongformerAttention 1|14 1|Q,S,Q,S,S,S,S,F,Q,S,S,S,G,S|Q|num_heads!:i,order_global_weight!:i,order_input!:i,order_output!:i,order_weight!:i,window!:i|F=55,G=21,Q=53,S=17
com.microsoft::QOrderedMatMul 1|5 1|Q,S,Q,S,S,S?,Q?,S?|Q|order_A!:i,order_B!:i,order_Y!:i|Q=53,S=17
com.microsoft::QuantizeBFP 1|1 3|T1|T2,T3,T3|bfp_type!:i,block_dim:i|T1=25,T2=30,T3=6
com.microsoft::QuantizeLinear 1|2 1|T1,T1,T2?|T2|axis:i|T1=28,T2=43
com.microsoft::QuantizeWithOrder 1|2 1|F,S|Q|order_input!:i,order_output!:i|F=28,Q=53,S=17
com.microsoft::QuickGelu 1|1 1|T|T|alpha:f|T=3
com.microsoft::Range 1|2 1|T,T,T?|T||T=45
com.microsoft::ReduceSumInteger 1|1 1|T1|T2|axes!:I,keepdims!:i|T1=20,T2=59
com.microsoft::RelativePositionBias 1|3 1|T,U,U|T|is_bidirectional:i,max_distance!:i|T=28,U=6
com.microsoft::RemovePadding 1|2 4|T,M|T,M,M,M||M=21,T=28
com.microsoft::RestorePadding 1|2 1|T,M|T||M=21,T=28
com.microsoft::Rfft 1|1 1|T|T|normalized:i,onesided:i,signal_ndim:i|T=2
com.microsoft::RotaryEmbedding 1|4 1|T,M,T,T|T|interleaved:i,is_packed_batching:i,num_heads:i,rotary_embedding_dim:i,scale:f|M=6,T=25
com.microsoft::SampleOp 1|1 1|T|T||T=4
com.microsoft::Sampling 1|2 1|I,I,I?,T?,I?,I?,I?,I?,I?|I,T?|custom:i,decoder!:g,decoder_start_token_id:i,encoder:g,eos_token_id!:i,filter_value:f,init_decoder:g,min_tokens_to_keep:i,model_type:i,no_repeat_ngram_size:i,pad_token_id!:i,presence_penalty:f,temperature:f,top_p:f,vocab_size:i|I=21,T=17
com.microsoft::SkipGroupNorm 1|4 1|T,M,M,T,T?|T,T?|activation!:i,channels_last:i,epsilon:f,groups!:i|M=28,T=28
com.microsoft::SkipLayerNormalization 1|3 1|T,T,T,T?,T?|T,U?,U?,T?|epsilon:f|T=25,U=17
com.microsoft::SkipSimplifiedLayerNormalization 1|3 1|T,T,T,T?|T,U?,U?,T?|epsilon:f|T=25,U=17
com.microsoft::Snpe 1|1 1|T*|T*|DLC!:s,notes:s,snpe_version:s,target_device:s|T=64
com.microsoft::SparseAttention 1|9 3|T,T?,T?,T,T,M,M,M,M,T?,T?|T,T,T|do_rotary:i,kv_num_heads!:i,num_heads!:i,rotary_interleaved:i,scale:f,sparse_block_size!:i|M=21,T=25
com.microsoft::SparseToDenseMatMul 1|2 1|T,T1|T1|alpha:f,transA:i,transB:i|T=19,T1=22
com.microsoft::Tokenizer 1|1 1|T|T|mark!:i,mincharnum!:i,pad_value!:s,separators:S,tokenexp:s|T=49
com.microsoft::TorchEmbedding 1|2 1|T,#6,#6?,#7?|T||T=1
com.microsoft::TransposeMatMul 1|2 1|T,T|T|alpha:f,transA:i,transB:i|T=3
com.microsoft::Trilu 1|1 1|T,#6?|T|upper:i|T=8
com.microsoft::UnfoldTensor 1|1 1|T|T|dim:i,size!:i,step:i|T=16
com.microsoft::Unique 1|1 3|T|T,#6,#6||T=18
com.microsoft::VarlenCausalConvWithState 1|5 2|T,T,M,T?,T,M?|T,T,T?|activation:s,dilation:i,state_update_capacity:i|M=21,T=25
com.microsoft::WhisperBeamSearch 1|5 1|F,I,I?,I,I,T?,T?,M?,M?,I?,I?,I?,I?,I?,T?|I,T?,T?,V?,T?|beginning_timestamp_token_id:i,decoder!:g,decoder_output_cross_qk:i,decoder_start_token_id:i,early_stopping:i,encoder:g,eos_token_id!:i,init_decoder:g,model_type:i,no_repeat_ngram_size:i,no_speech_token_id:i,no_timestamps_token_id:i,pad_token_id!:i,start_of_lm_token_id:i,transcribe_token_id:i,translate_token_id:i,vocab_size:i|F=51,I=21,M=21,T=28,V=17
com.microsoft::WordConvEmbedding 1|4 1|T,T1,T1,T1|T1|char_embedding_size:i,conv_window_size:i,embedding_size:i|T=21,T1=17
`
