using System.Runtime.CompilerServices;

namespace Gimbal.Native;

/// <summary><c>gb_context_options</c>.</summary>
internal unsafe struct ContextOptions
{
    public int StructSize;
    public int Kind;
    public int Ordinal;
    public int Threads;
    public void* Stream;
}

/// <summary><c>gb_device_info</c>.</summary>
internal struct DeviceInfo
{
    public int StructSize;
    public int Kind;
    public int Threads;
    public int Reserved;
    public long MemoryBytes;
    public Text128 Name;
    public Text64 Isa;
}

/// <summary>A zero-terminated text of at most 128 bytes.</summary>
[InlineArray(128)]
internal struct Text128
{
    private byte first;
}

/// <summary>A zero-terminated text of at most 64 bytes.</summary>
[InlineArray(64)]
internal struct Text64
{
    private byte first;
}

/// <summary><c>gb_step_state</c>: what changes from step to step, in device memory.</summary>
internal struct StepState
{
    public ulong Seed;
    public ulong Step;
    public float LearningRate;
    public float BiasCorrection1;
    public float BiasCorrection2;
    public float ClipCoefficient;
    public float GradientNorm;
    public int Reserved;
}

/// <summary><c>gb_attention_shape</c>.</summary>
internal struct AttentionShape
{
    public int StructSize;
    public int Dtype;
    public int KvDtype;
    public int PageSize;
    public long Sequences;
    public long Tokens;
    public long QHeads;
    public long KvHeads;
    public long HeadDim;
    public long QStride;
    public long KvStride;
    public long YStride;
    public long KvRows;
    public long MaxPages;
    public long MaxLength;
    public float Scale;
    public float Reserved;
}

/// <summary><c>gb_sampling</c>.</summary>
internal struct Sampling
{
    public int StructSize;
    public int TopK;
    public float Temperature;
    public float TopP;
    public float MinP;
    public int Purpose;
}

/// <summary><c>gb_preference</c>.</summary>
internal struct Preference
{
    public int StructSize;
    public int Form;
    public int Divergence;
    public float Beta;
    public float LabelSmoothing;
    public float Margin;
    public float Alpha;
    public float Temperature;
    public float Coefficient;
}

/// <summary><c>gb_policy_objective</c>.</summary>
internal struct PolicyObjective
{
    public int StructSize;
    public int Surrogate;
    public int KlEstimator;
    public int CorrectKl;
    public float ClipLow;
    public float ClipHigh;
    public float Delta;
    public float DualClip;
    public float Positive;
    public float PositiveRate;
    public float Negative;
    public float NegativeRate;
    public float Beta;
    public float OffPolicyThreshold;
}
