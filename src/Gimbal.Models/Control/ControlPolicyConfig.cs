namespace Gimbal.Models;

/// <summary>Shape of a policy for control tasks.</summary>
public sealed record ControlPolicyConfig
{
    /// <summary>Elements of an observation.</summary>
    public required int ObservationSize { get; init; }

    /// <summary>Elements of a continuous action; 1, the index, where there are choices.</summary>
    public int ActionSize { get; init; } = 1;

    /// <summary>Choices of a discrete action; 0: actions are continuous and the policy is Gaussian.</summary>
    public int Choices { get; init; }

    /// <summary>Widths of the hidden layers of actor and critic, tanh after each.</summary>
    public IReadOnlyList<int> HiddenSizes { get; init; } = [64, 64];

    /// <summary>Observations are centred and scaled by running moments before the networks see them.</summary>
    public bool NormalizesObservations { get; init; }

    /// <summary>The Gaussian's noise is a random linear map of the actor's last hidden layer (gSDE, Raffin et al. 2020).</summary>
    public bool StateDependentNoise { get; init; }

    /// <summary>The Gaussian's actions reach the environment through tanh, scaled to its bounds, instead of being clipped.</summary>
    public bool SquashesActions { get; init; }

    /// <summary>Logarithm of the Gaussian's standard deviation, or of each element of the random map, in a new policy.</summary>
    public float InitialLogStd { get; init; }

    /// <summary>Whether the action is one of several choices.</summary>
    public bool IsDiscrete => Choices > 0;

    /// <summary>Checks every size.</summary>
    /// <exception cref="ArgumentException">A size is out of range.</exception>
    public void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(ObservationSize, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(ActionSize, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(Choices);
        foreach (int width in HiddenSizes)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(width, 1, nameof(HiddenSizes));
        }

        if (IsDiscrete && (StateDependentNoise || SquashesActions))
        {
            throw new ArgumentException("state-dependent noise and squashing are of continuous actions; these are choices");
        }

        if (IsDiscrete && ActionSize != 1)
        {
            throw new ArgumentException($"a discrete action is one index, got {ActionSize} elements");
        }
    }
}
