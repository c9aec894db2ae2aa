namespace Gimbal.Training;

/// <summary>What a system or paper means by an algorithm's name, as keys of the configuration.</summary>
/// <param name="Key">Its name in <c>ppo.dialect</c>, <c>grpo.dialect</c>, <c>dpo.dialect</c> or <c>control.dialect</c>.</param>
/// <param name="Title">Its own name.</param>
/// <param name="Settings">Assignments of every key by which the dialects of the group differ; not of rates and sizes.</param>
public sealed record Dialect(string Key, string Title, IReadOnlyList<string> Settings)
{
    internal Dialect(string key, string title, string group, params ReadOnlySpan<string> settings)
        : this(key, title, Grouped(group, settings)) { }

    private static string[] Grouped(string group, ReadOnlySpan<string> settings)
    {
        string[] keys = settings.ToArray();
        return [.. keys.Select(setting => $"{group}.{setting}")];
    }
}

/// <summary>The named dialects; <c>docs/DIALECTS.md</c> says more of each.</summary>
public static class Dialects
{
    /// <summary>Of preference losses.</summary>
    public static IReadOnlyList<Dialect> Preferences { get; } =
    [
        new("dpo", "DPO", "dpo", "loss=sigmoid", "label_smoothing=0", "length_normalized=false", "reference_free=false", "divergence=reverse_kl"),
        new("ipo", "IPO of TRL", "dpo", "loss=ipo", "length_normalized=true", "reference_free=false"),
        new("cpo", "CPO", "dpo", "loss=sigmoid, sft", "reference_free=true", "length_normalized=false"),
        new("simpo", "SimPO", "dpo", "loss=sigmoid", "reference_free=true", "length_normalized=true"),
        new("orpo", "ORPO of TRL", "dpo", "loss=odds_ratio, sft", "sft_prompt=true", "reference_free=true", "length_normalized=true"),
        new("mpo", "MPO", "dpo", "loss=sigmoid:0.8, bco_pair:0.2, sft:1", "reference_free=false"),
    ];

    /// <summary>Of group methods.</summary>
    public static IReadOnlyList<Dialect> Groups { get; } =
    [
        new("grpo", "GRPO", "grpo", "loss=clip", "ratio=token", "baseline=group", "scale=group", "normalizer=sequences", "kl_placement=loss"),
        new("dapo", "DAPO", "grpo", "loss=clip", "ratio=token", "clip_high=0.28", "beta=0", "normalizer=tokens", "sampling_rounds=10"),
        new("dr_grpo", "Dr. GRPO", "grpo", "loss=clip", "scale=none", "normalizer=max_tokens"),
        new("gspo", "GSPO", "grpo", "loss=clip", "ratio=sequence", "clip_low=0.0003", "clip_high=0.0004", "normalizer=sequences"),
        new("rloo", "RLOO", "grpo", "ratio=sequence_sum", "baseline=leave_one_out", "scale=none", "kl_placement=reward", "kl_estimator=k1"),
        new("reinforce++", "REINFORCE++", "grpo", "baseline=none", "scale=none", "whiten_advantages=true", "kl_placement=token_reward",
            "kl_estimator=k1"),
    ];

    /// <summary>Of PPO on language.</summary>
    public static IReadOnlyList<Dialect> Ppo { get; } =
    [
        new("trl", "TRL", "ppo", "score_position=after_last", "score_clip=0", "kl_coefficient=0.05", "lambda=0.95", "whiten_advantages=true",
            "whiten_ddof=1", "clip_range_value=0.2", "value_coefficient=0.1", "epochs=4", "dual_clip=0"),
        new("verl", "verl", "ppo", "score_position=last", "score_clip=0", "kl_coefficient=0", "lambda=1", "whiten_advantages=true",
            "whiten_ddof=1", "clip_range_value=0.5", "value_coefficient=1", "epochs=1", "dual_clip=3"),
        new("openrlhf", "OpenRLHF", "ppo", "score_position=last", "score_clip=10", "kl_coefficient=0.01", "lambda=1", "whiten_advantages=true",
            "whiten_ddof=0", "clip_range_value=0.5", "value_coefficient=1", "epochs=1", "dual_clip=0"),
        new("nemo", "NeMo-RL", "ppo", "score_position=last", "score_clip=0", "kl_coefficient=0", "lambda=0.95", "whiten_advantages=true",
            "whiten_ddof=1", "clip_range_high=0.28", "clip_range_value=0.2", "value_coefficient=1", "epochs=4", "dual_clip=10"),
        new("deepspeed-chat", "DeepSpeed-Chat", "ppo", "score_position=last", "score_clip=5", "kl_coefficient=0.1", "lambda=0.95",
            "whiten_advantages=false", "clip_range_value=0.2", "value_coefficient=1", "epochs=1", "dual_clip=0"),
    ];

    /// <summary>Of classic PPO.</summary>
    public static IReadOnlyList<Dialect> Control { get; } =
    [
        new("cleanrl", "CleanRL",
        [
            "control.clip_range_value=0.2", "control.clipped_value_alone=false", "control.value_coefficient=0.5",
            "control.bootstrap_truncated=false", "control.state_dependent_noise=false", "control.stop_within_pass=false",
            "control.anneal=true", "optimizer.epsilon=1e-5", "optimizer.max_gradient_norm=0.5",
        ]),
        new("sb3", "Stable-Baselines3",
        [
            "control.clip_range_value=0", "control.value_coefficient=1", "control.bootstrap_truncated=true", "control.stop_within_pass=true",
            "control.anneal=false", "optimizer.epsilon=1e-5", "optimizer.max_gradient_norm=0.5",
        ]),
    ];

    /// <summary>Of reward models; no key names them.</summary>
    public static IReadOnlyList<Dialect> Rewards { get; } =
    [
        new("bradley-terry", "Bradley-Terry (Stiennon et al. 2020; TRL)", "reward_model", "center=0"),
        new("centered", "centred (Eisenstein et al. 2023; TRL)", "reward_model", "center=0.01"),
    ];

    /// <summary>The assignments of a dialect.</summary>
    /// <param name="group">Of the key that names it: dpo, grpo, ppo or control.</param>
    /// <param name="name">Its <see cref="Dialect.Key"/>.</param>
    /// <exception cref="InvalidConfigException">The group has no such dialect.</exception>
    internal static IReadOnlyList<string> Settings(string group, string name)
    {
        IReadOnlyList<Dialect> known = group switch { "dpo" => Preferences, "grpo" => Groups, "control" => Control, _ => Ppo };
        string[] names = [.. known.Select(dialect => dialect.Key)];
        return known.FirstOrDefault(dialect => dialect.Key == name)?.Settings ?? throw new InvalidConfigException($"{group}.dialect",
            $"'{name}' is none of {string.Join(", ", names)}.", Spelling.Nearest(name, names));
    }
}
