namespace Gimbal.Tensors;

/// <summary>Where the gradient of one tensor is gathered while a tape runs backwards.</summary>
internal sealed class Gradient
{
}

/// <summary>Records ops and runs their backwards in reverse.</summary>
public sealed class Tape
{
}
