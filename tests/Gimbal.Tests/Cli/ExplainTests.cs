using Gimbal.Training;

namespace Gimbal.Tests.Cli;

/// <summary>What <c>gimbal explain</c> says of a configuration.</summary>
public sealed class ExplainTests
{
    [Fact]
    public void Formulas_carry_the_numbers_and_dialects_name_the_keys_that_differ()
    {
        OptionLayers layers = new OptionLayers().Add(new GrpoOptions { Ratio = RatioLevel.Sequence, Normalizer = LossNormalizer.Sequences, ClipHigh = 0.25f });
        IReadOnlyList<string> lines = Explanation.Of(layers);
        Assert.Contains(lines, line => line.Contains("clip(ratio, 0.8, 1.25) A", StringComparison.Ordinal));
        Assert.Contains("GSPO: as configured", lines);
        Assert.Contains("GRPO: would have grpo.ratio=token", lines);
    }

    [Theory]
    [InlineData("sigmoid", "-log sigmoid(z)")]
    [InlineData("hinge, sft:0.5", "+ 0.5 x sft: -log pi(y_chosen|x)")]
    [InlineData("discopop", "m = sigmoid(z / 0.05)")]
    public void Every_term_of_a_preference_loss_is_a_line(string loss, string expected)
    {
        OptionLayers layers = new OptionLayers().Add(new DpoOptions { Loss = loss });
        Assert.Contains(Explanation.Of(layers), line => line.Contains(expected, StringComparison.Ordinal));
    }

    [Fact]
    public void Control_and_reward_models_are_explained()
    {
        ControlOptions control = ControlTasks.Options("Pendulum-v1") with { ClipRangeValue = 0.2f, StateDependentNoise = true, BootstrapTruncated = false };
        IReadOnlyList<string> lines = Explanation.Of(new OptionLayers().Add(control));
        Assert.Contains("value: 1 x 0.5 max((V - R)^2, (clip(V, old +- 0.2) - R)^2)", lines);
        Assert.Contains(lines, line => line.Contains("drawn every 4 steps", StringComparison.Ordinal));
        Assert.Contains("at the task's own end nothing follows, at a time limit neither", lines);
        Assert.Contains("CleanRL: would have control.value_coefficient=0.5; control.state_dependent_noise=false", lines);
        Assert.Contains(Explanation.Of(new OptionLayers().Add(ControlTasks.Options("CartPole-v1"))), line => line.Contains("softmax", StringComparison.Ordinal));
        Assert.Contains("Bradley-Terry (Stiennon et al. 2020; TRL): would have reward_model.center=0", Explanation.Of(new OptionLayers().Add(new RewardOptions())));
    }

    [Fact]
    public void Every_key_that_a_dialect_names_exists()
    {
        Assert.NotEmpty(Explanation.Of(new OptionLayers().Add(new PpoOptions())));
        Assert.NotEmpty(Explanation.Of(new OptionLayers().Add(new DpoOptions())));
        Assert.NotEmpty(Explanation.Of(new OptionLayers().Add(new KtoOptions())));
        Assert.NotEmpty(Explanation.Of(new OptionLayers().Add(new SftOptions { ZLoss = 1e-4f })));
    }
}
