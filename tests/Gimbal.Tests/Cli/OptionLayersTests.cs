using Gimbal.Cli.Configuration;
using Gimbal.Models;
using Gimbal.Training;

namespace Gimbal.Tests.Cli;

public sealed class OptionLayersTests
{
    [Fact]
    public void Untouched_layers_give_the_defaults_of_the_records()
    {
        OptionLayers layers = Grpo();

        AssertSame(new GrpoOptions(), layers.Get<GrpoOptions>());
        AssertSame(new RunOptions(), layers.Get<RunOptions>());
        AssertSame(new RewardFunctionOptions(), new OptionLayers().Add(new RewardFunctionOptions()).Get<RewardFunctionOptions>());
        AssertSame(new ControlOptions(), new OptionLayers().Add(new ControlOptions()).Get<ControlOptions>());
        AssertSame(new PpoOptions(), new OptionLayers().Add(new PpoOptions()).Get<PpoOptions>());
    }

    [Fact]
    public void Later_layers_win_and_leave_the_rest_alone()
    {
        using TemporaryFolder folder = new();
        File.WriteAllText(folder.File("a.yaml"), """
            train: {max_steps: 20, log_every: 5}
            grpo:
              group_size: 4      # small
              scale: none
            optimizer:
              learning_rate: 7e-5
            seed: 18446744073709551615
            """);
        OptionLayers layers = Grpo();
        YamlFile.Apply(layers, folder.File("a.yaml"));
        layers.Set("grpo.group_size=16");
        layers.Set("sampling.temperature = 0.5");

        GrpoOptions expected = new() { MaxSteps = 20, LogEvery = 5, GroupSize = 16, Scale = AdvantageScale.None, Seed = ulong.MaxValue,
            Optimizer = new OptimizerOptions { LearningRate = 7e-5f }, Sampling = new SamplingOptions { Temperature = 0.5f } };
        AssertSame(expected, layers.Get<GrpoOptions>());
    }

    [Fact]
    public void What_is_written_as_run_yaml_reads_back_as_the_same_options()
    {
        using TemporaryFolder folder = new();
        OptionLayers layers = Compare();
        layers.Set("grpo.optimizer.learning_rate=1e-7");
        layers.Set("control.hidden_sizes=[7, 9, 11]");
        layers.Set("control.environment=CartPole-v1");
        layers.Set("device=cuda:0");
        layers.Set("model.path=C:\\a \"b\" # c");
        string yaml = OptionsYaml.Write(layers);
        File.WriteAllText(folder.File("run.yaml"), yaml);

        OptionLayers again = Compare();
        YamlFile.Apply(again, folder.File("run.yaml"));
        Assert.Equal(layers.Keys.Select(key => $"{key.Name}={key.Text}"), again.Keys.Select(key => $"{key.Name}={key.Text}"));
        Assert.Equal(yaml, OptionsYaml.Write(again));
        Assert.Equal(1e-7f, again.Get<GrpoOptions>("grpo").Optimizer.LearningRate);
        Assert.Equal([7, 9, 11], again.Get<ControlOptions>().HiddenSizes);
    }

    [Theory]
    [InlineData("bf16")]
    [InlineData("bfloat16")]
    public void BFloat16HasTwoSpellings(string spelling)
    {
        OptionLayers layers = new OptionLayers().Add(new ModelOptions());
        layers.Set("dtype", spelling, "test");
        Assert.Equal(ModelDtype.Bf16, layers.Get<ModelOptions>().Dtype);
    }

    [Theory]
    [InlineData("grpo.group_sise", "grpo.group_size")]
    [InlineData("group_size", "grpo.group_size")]
    [InlineData("train.maxsteps", "train.max_steps")]
    [InlineData("trian.max_steps", "train.max_steps")]
    [InlineData("learning_rate", "optimizer.learning_rate")]
    [InlineData("grpo.num_generations", "grpo.group_size")]
    [InlineData("num_generations", "grpo.group_size")]
    [InlineData("torch_dtype", "dtype")]
    [InlineData("model.dtype", "dtype")]
    [InlineData("epsilon_high", "grpo.clip_high")]
    [InlineData("grpo.epsilon", "grpo.clip_low")]
    [InlineData("per_device_train_batch_size", "grpo.prompts_per_step")]
    [InlineData("max_completion_length", "sampling.max_new_tokens")]
    [InlineData("beta", "grpo.beta")]
    [InlineData("kl_coef", "grpo.beta")]
    [InlineData("lr", "optimizer.learning_rate")]
    [InlineData("wholly_unlike_anything", null)]
    public void An_unknown_key_names_the_one_that_was_meant(string key, string? nearest)
    {
        InvalidConfigException error = Assert.Throws<InvalidConfigException>(() => Grpo().Set(key, "1", "run.yaml, line 3"));

        Assert.Equal(key, error.Key);
        Assert.Equal(nearest, error.Nearest);
        Assert.Contains("run.yaml, line 3", error.Message, StringComparison.Ordinal);
        if (nearest is not null)
            Assert.EndsWith($"Did you mean '{nearest}'?", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("cliprange", "ppo.clip_range")]
    [InlineData("num_ppo_epochs", "ppo.epochs")]
    [InlineData("lam", "ppo.lambda")]
    [InlineData("ppo.kl_coef", "ppo.kl_coefficient")]
    [InlineData("gamma", "ppo.gamma")]
    [InlineData("vf_coef", "ppo.value_coefficient")]
    public void Names_of_other_systems_are_known_to_ppo(string key, string meant)
    {
        OptionLayers layers = new OptionLayers().Add(new PpoOptions());
        Assert.Equal(meant, Assert.Throws<InvalidConfigException>(() => layers.Set(key, "1", "--set")).Nearest);
    }

    [Theory]
    [InlineData("packing", "end to end without padding")]
    [InlineData("train.padding_free", "end to end without padding")]
    public void Options_that_need_no_key_say_why(string key, string why)
    {
        OptionLayers layers = new OptionLayers().Add(new SftOptions());
        Assert.Contains(why, Assert.Throws<InvalidConfigException>(() => layers.Set(key, "true", "--set")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("grpo.lr", "grpo.optimizer.learning_rate")]
    [InlineData("grpo.num_generations", "grpo.group_size")]
    [InlineData("dpo.per_device_train_batch_size", "dpo.batch_size")]
    public void Names_of_other_systems_are_known_among_several_trainers(string key, string meant) =>
        Assert.Equal(meant, Assert.Throws<InvalidConfigException>(() => Compare().Set(key, "1", "--set")).Nearest);

    [Theory]
    [InlineData("train.max_steps", "many", "a whole number")]
    [InlineData("train.max_steps", "1.5", "a whole number")]
    [InlineData("optimizer.learning_rate", "fast", "a number")]
    [InlineData("optimizer.learning_rate", "NaN", "a number")]
    [InlineData("optimizer.learning_rate", "1e60", "a number")]
    [InlineData("seed", "-1", "a whole number of at least 0")]
    [InlineData("grpo.scale", "rows", "one of none, group, batch")]
    public void A_value_of_the_wrong_type_is_refused_with_key_value_and_what_was_wanted(string key, string value, string wanted)
    {
        InvalidConfigException error = Assert.Throws<InvalidConfigException>(() => Grpo().Set(key, value, "--set"));

        Assert.Equal(key, error.Key);
        Assert.Contains($"'{value}' is not {wanted}", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("grpo.group_size", "1", "must be at least 2, is 1")]
    [InlineData("optimizer.beta1", "1", "must be at least 0 and below 1, is 1")]
    [InlineData("grpo.minibatches", "3", "3 does not divide")]
    [InlineData("sampling.top_p", "0", "must be above 0")]
    [InlineData("train.max_steps", "0", "must be at least 1, is 0")]
    public void A_value_out_of_range_is_refused_with_key_value_and_range(string key, string value, string message)
    {
        OptionLayers layers = Grpo();
        layers.Set(key, value, "--set");
        InvalidConfigException error = Assert.Throws<InvalidConfigException>(() => layers.Get<GrpoOptions>());

        Assert.Equal(key, error.Key);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_range_error_among_several_trainers_names_the_key_that_was_set()
    {
        OptionLayers layers = Compare();
        layers.Set("grpo.max_steps=0");
        layers.Set("dpo.optimizer.beta2=2");

        Assert.Equal("grpo.max_steps", Assert.Throws<InvalidConfigException>(() => layers.Get<GrpoOptions>("grpo")).Key);
        Assert.Equal("dpo.optimizer.beta2", Assert.Throws<InvalidConfigException>(() => layers.Get<DpoOptions>("dpo")).Key);
    }

    [Theory]
    [InlineData("seed: 1\ntrain: ]\n", "line 2")]
    [InlineData("train:\n  max_steps: 3\n  max_steps: 4\n", "max_steps")]
    [InlineData("- a\n- b\n", "mapping")]
    [InlineData("train:\n  max_steps: {a: 1}\n", "train.max_steps.a")]
    [InlineData("train: 5\n", "is a group")]
    [InlineData("seed: 1\n\ngrpo:\n  group_sizes: 8\n", "line 4")]
    public void A_broken_file_is_refused_with_its_place(string yaml, string place)
    {
        using TemporaryFolder folder = new();
        File.WriteAllText(folder.File("bad.yaml"), yaml);

        InvalidConfigException error = Assert.Throws<InvalidConfigException>(() => YamlFile.Apply(Grpo(), folder.File("bad.yaml")));
        Assert.Contains(place, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_key_has_a_meaning_and_the_meaning_is_the_documentation_of_its_property()
    {
        string documentation = System.Net.WebUtility.HtmlDecode(
            File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Gimbal.Training.xml"))
            + File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Gimbal.Models.xml")));
        foreach (OptionKey key in Compare().Keys)
        {
            Assert.False(string.IsNullOrWhiteSpace(key.Meaning), key.Name);
            Assert.Contains($"<summary>{key.Meaning}</summary>", documentation, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("", "", 0)]
    [InlineData("abc", "", 3)]
    [InlineData("lambda", "lamdba", 1)]
    [InlineData("kitten", "sitting", 3)]
    [InlineData("Seed", "seed", 0)]
    public void Distance_counts_edits(string a, string b, int edits)
    {
        Assert.Equal(edits, Spelling.Distance(a, b));
        Assert.Equal(edits, Spelling.Distance(b, a));
    }

    private static OptionLayers Grpo() => new OptionLayers().Add(new ModelOptions()).Add(new RunOptions()).Add(new GrpoOptions());

    private static OptionLayers Compare() => new OptionLayers().Add(new ModelOptions()).Add(new RunOptions()).Add(new EvalOptions())
        .Add(new RewardFunctionOptions()).Add(new ControlOptions()).Add(new SftOptions(), "sft").Add(new RewardOptions(), "reward_model")
        .Add(new PpoOptions(), "ppo").Add(new DpoOptions(), "dpo").Add(new GrpoOptions(), "grpo");

    private static void AssertSame<T>(T expected, T actual) => Assert.Equivalent(expected, actual, strict: true);
}
