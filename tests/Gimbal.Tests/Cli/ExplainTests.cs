using Gimbal.Cli.Commands;
using Gimbal.Tests.Structure;
using Gimbal.Training;

namespace Gimbal.Tests.Cli;

/// <summary>What <c>gimbal explain</c> says of a configuration.</summary>
public sealed class ExplainTests
{
    [Fact]
    public void Formulas_carry_the_numbers_and_dialects_name_the_keys_that_differ()
    {
        OptionLayers layers = new OptionLayers().Add(new GrpoOptions { Ratio = RatioLevel.Sequence, Normalizer = LossNormalizer.Sequences, ClipLow = 3e-4f, ClipHigh = 4e-4f });
        IReadOnlyList<string> lines = Explanation.Of(layers);
        Assert.Contains(lines, line => line.Contains("clip(ratio, 0.9997, 1.0004) A", StringComparison.Ordinal));
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

    [Theory]
    [InlineData("bench/control/cartpole-cleanrl.yaml", "4 x CartPole-v1, 128 steps each between updates, 500000 in all")]
    [InlineData("bench/control/pendulum-cleanrl.yaml", "1 x Pendulum-v1, 2048 steps each between updates, 200000 in all")]
    public void A_file_is_explained_by_the_command_it_is_of(string file, string expected)
    {
        ConfiguredRun run = ConfiguredRun.Read([.. ConfiguredRun.Trainers(), new ControlCommand()], Repository.At(file), []);
        Assert.Equal("control", run.Command.Name);
        IReadOnlyList<string> lines = Explanation.Of(run.Layers);
        Assert.Equal(expected, lines[0]);
        Assert.Contains("CleanRL: as configured", lines);
    }

    // A task brings defaults of its own, which the file's values lie over; a wrong value says more than another command's keys.
    [Fact]
    public void Defaults_of_the_task_lie_under_a_file()
    {
        using TemporaryFolder folder = new();
        OptionLayers Read(string yaml)
        {
            File.WriteAllText(folder.File("run.yaml"), yaml);
            return ConfiguredRun.Read([.. ConfiguredRun.Trainers(), new ControlCommand()], folder.File("run.yaml"), []).Layers;
        }

        ControlOptions options = Read("control:\n  environment: Acrobot-v1\n  epochs: 3\n").Get<ControlOptions>();
        Assert.Equal((3, ControlTasks.Options("Acrobot-v1").Gamma), (options.Epochs, options.Gamma));
        Assert.Equal("control.dialect", Assert.Throws<InvalidConfigException>(() => Read("control:\n  dialect: cleanlr\n")).Key);
    }

    public static TheoryData<string> DialectKeys =>
        [.. All.Select(Assignment)];

    [Theory]
    [MemberData(nameof(DialectKeys))]
    public void A_dialect_lays_its_settings_under_those_that_are_given(string assignment)
    {
        OptionLayers layers = Layers(assignment);
        layers.Set(assignment);
        string title = All.Single(dialect => Assignment(dialect) == assignment).Title;
        Assert.Contains($"{title}: as configured", Explanation.Of(layers));

        // A value that is given wins, before the dialect or behind it.
        OptionLayers before = Layers(assignment), behind = Layers(assignment);
        string key = layers.Keys.First(key => key.Name.EndsWith(".beta", StringComparison.Ordinal) || key.Name is "ppo.lambda" or "control.lambda").Name;
        before.Set($"{key}=0.375");
        before.Set(assignment);
        behind.Set(assignment);
        behind.Set($"{key}=0.375");
        Assert.Equal("0.375", before.Keys.First(known => known.Name == key).Text);
        Assert.Equal(Explanation.Of(behind), Explanation.Of(before));
    }

    [Fact]
    public void A_dialect_that_nobody_knows_is_refused()
    {
        InvalidConfigException error = Assert.Throws<InvalidConfigException>(() => Layers("ppo.").Set("ppo.dialect=verll"));
        Assert.Equal(("ppo.dialect", "verl"), (error.Key, error.Nearest));
        Assert.Contains("trl, verl, openrlhf, nemo, deepspeed-chat", error.Message, StringComparison.Ordinal);
    }

    // From the words of explain to the file of the trainer, the op that it calls, and the op's test.
    [Theory]
    [MemberData(nameof(Configurations))]
    public void Every_line_leads_to_a_file_an_op_and_a_test(string assignments)
    {
        OptionLayers layers = Layers(assignments);
        foreach (string assignment in assignments.Split(' '))
        {
            layers.Set(assignment);
        }

        string line = Assert.Single(Explanation.Of(layers), line => line.StartsWith("by ", StringComparison.Ordinal));
        string[] known = [.. OpList.Read().SelectMany(op => op.HasBackward ? new[] { op.Name, op.Name + "_backward" } : [op.Name])];
        foreach (string[] part in line[3..].Split("; ").Select(part => part.Split(": ")))
        {
            string source = Repository.Read(Assert.Single(Repository.Files("src", ".cs"), file => Path.GetFileName(file) == $"{part[0]}.cs"));
            foreach (string op in part[1].Split(", "))
            {
                Assert.Contains(op, known);
                Assert.Contains($"Ops.{OpList.Pascal(op)}(", source, StringComparison.Ordinal);
                string test = OpList.Pascal(op.Replace("_backward", "", StringComparison.Ordinal)) + "Tests.cs";
                Assert.True(File.Exists(Repository.At($"tests/Gimbal.Tests/Ops/{test}")), test);
            }
        }
    }

    public static TheoryData<string> Configurations =>
    [
        "sft.label_smoothing=0.1 sft.z_loss=1e-4", "sft.neftune_alpha=5", "sft.probability_power=1 optimizer.maximum_norm=true",
        "dpo.loss=sigmoid", "dpo.dialect=orpo", "kto.loss=bco",
        "grpo.dialect=grpo", "grpo.dialect=gspo", "grpo.dialect=reinforce++", "grpo.dialect=rloo grpo.mask_truncated=true",
        "ppo.dialect=trl", "ppo.dialect=verl ppo.shared_trunk=true", "ppo.whiten_rewards=true ppo.overlong_buffer=2",
        "grpo.kl_estimator=full", "ppo.kl_estimator=full",
        "control.dialect=cleanrl", "control.clip_range_value=0.2 control.clipped_value_alone=true",
        "control.state_dependent_noise=true control.squash_actions=true", "control.environment=CartPole-v1", "reward_model.center=0.01",
    ];

    private static IEnumerable<Dialect> All => Dialects.Preferences.Concat(Dialects.Groups).Concat(Dialects.Ppo).Concat(Dialects.Control);

    private static string Assignment(Dialect dialect) => $"{dialect.Settings[0].Split('.')[0]}.dialect={dialect.Key}";

    private static OptionLayers Layers(string key) => key.Split('.')[0] switch
    {
        "sft" => new OptionLayers().Add(new SftOptions()),
        "dpo" => new OptionLayers().Add(new DpoOptions()),
        "kto" => new OptionLayers().Add(new KtoOptions()),
        "grpo" => new OptionLayers().Add(new GrpoOptions()),
        "control" => new OptionLayers().Add(new ControlOptions()),
        "reward_model" => new OptionLayers().Add(new RewardOptions()),
        _ => new OptionLayers().Add(new PpoOptions()),
    };
}
