namespace Gimbal.Training;

/// <summary>
/// Names that other systems give to options, mostly TRL's, some of CleanRL's and Stable-Baselines3's, and the keys that mean the
/// same here. A name that means different things in different trainers lists each; the one the command has is meant.
/// </summary>
internal static class ForeignNames
{
    private const string Packed = "sequences always lie end to end without padding, attention kept apart, so that packing would change nothing";

    private static readonly Dictionary<string, string[]> Keys = new(StringComparer.OrdinalIgnoreCase)
    {
        ["model_name_or_path"] = ["model.path"],
        ["sft_model_path"] = ["model.path"],
        ["ref_model_name_or_path"] = ["model.reference"],
        ["reward_model_path"] = ["reward.model"],
        ["torch_dtype"] = ["dtype"],
        ["bf16"] = ["dtype"],
        ["precision"] = ["dtype"],
        ["dataset_name"] = ["train.data"],
        ["train_file"] = ["train.data"],
        ["eval_dataset"] = ["eval.data"],
        ["output_dir"] = ["output"],
        ["num_train_epochs"] = ["train.max_steps"],
        ["total_episodes"] = ["train.max_steps"],
        ["save_steps"] = ["train.checkpoint_every"],
        ["save_total_limit"] = ["train.keep_checkpoints"],
        ["logging_steps"] = ["train.log_every"],
        ["per_device_train_batch_size"] = ["train.batch_size", "grpo.prompts_per_step", "ppo.rollouts"],
        ["train_batch_size"] = ["train.batch_size", "grpo.prompts_per_step", "ppo.rollouts"],
        ["generation_batch_size"] = ["grpo.prompts_per_step"],
        ["gradient_accumulation_steps"] = ["train.micro_batch"],
        ["local_rollout_forward_batch_size"] = ["train.micro_batch"],
        ["max_seq_length"] = ["train.max_length"],
        ["max_prompt_length"] = ["train.max_length"],
        ["lr"] = ["optimizer.learning_rate"],
        ["lr_scheduler_type"] = ["optimizer.schedule"],
        ["warmup_ratio"] = ["optimizer.warmup_steps"],
        ["adam_beta1"] = ["optimizer.beta1"],
        ["adam_beta2"] = ["optimizer.beta2"],
        ["adam_epsilon"] = ["optimizer.epsilon"],
        ["adam_eps"] = ["optimizer.epsilon"],
        ["max_grad_norm"] = ["optimizer.max_gradient_norm"],
        ["max_completion_length"] = ["sampling.max_new_tokens"],
        ["max_new_tokens"] = ["sampling.max_new_tokens"],
        ["response_length"] = ["sampling.max_new_tokens"],
        ["completion_only_loss"] = ["sft.completion_only"],
        ["assistant_only_loss"] = ["sft.assistant_only"],
        ["neftune_noise_alpha"] = ["sft.neftune_alpha"],
        ["label_smoothing_factor"] = ["sft.label_smoothing"],
        ["center_rewards_coefficient"] = ["reward_model.center"],
        ["precompute_ref_log_probs"] = ["dpo.precompute_reference"],
        ["num_generations"] = ["grpo.group_size"],
        ["epsilon"] = ["grpo.clip_low"],
        ["epsilon_low"] = ["grpo.clip_low"],
        ["epsilon_high"] = ["grpo.clip_high"],
        ["num_iterations"] = ["grpo.inner_epochs"],
        ["steps_per_generation"] = ["grpo.minibatches"],
        ["scale_rewards"] = ["grpo.scale"],
        ["loss_type"] = ["grpo.normalizer"],
        ["max_num_gen_batches"] = ["grpo.sampling_rounds"],
        ["dynamic_sampling_max_gen_batches"] = ["grpo.sampling_rounds"],
        ["dynamic_filtering"] = ["grpo.sampling_rounds"],
        ["kl_coef"] = ["ppo.kl_coefficient", "grpo.beta", "dpo.beta"],
        ["init_kl_coef"] = ["ppo.kl_coefficient"],
        ["beta"] = ["grpo.beta", "dpo.beta", "ppo.kl_coefficient"],
        ["cliprange"] = ["ppo.clip_range"],
        ["cliprange_value"] = ["ppo.clip_range_value"],
        ["num_ppo_epochs"] = ["ppo.epochs"],
        ["ppo_epochs"] = ["ppo.epochs"],
        ["num_mini_batches"] = ["ppo.minibatches"],
        ["lam"] = ["ppo.lambda", "control.lambda"],
        ["whiten_rewards"] = ["ppo.whiten_rewards"],
        ["vf_coef"] = ["ppo.value_coefficient", "control.value_coefficient"],
        ["env_id"] = ["control.environment"],
        ["num_envs"] = ["control.environments"],
        ["n_envs"] = ["control.environments"],
        ["num_steps"] = ["control.steps_per_rollout"],
        ["n_steps"] = ["control.steps_per_rollout"],
        ["total_timesteps"] = ["control.total_steps"],
        ["gae_lambda"] = ["control.lambda", "ppo.lambda"],
        ["clip_coef"] = ["control.clip_range", "ppo.clip_range"],
        ["clip_vloss"] = ["control.clip_range_value"],
        ["ent_coef"] = ["control.entropy_coefficient"],
        ["update_epochs"] = ["control.epochs"],
        ["n_epochs"] = ["control.epochs"],
        ["num_minibatches"] = ["control.minibatches"],
        ["anneal_lr"] = ["control.anneal"],
        ["norm_adv"] = ["control.normalize_advantages"],
        ["use_sde"] = ["control.state_dependent_noise"],
        ["sde_sample_freq"] = ["control.noise_steps"],
        ["squash_output"] = ["control.squash_actions"],
        ["log_std_init"] = ["control.initial_log_std"],
    };

    /// <summary>Names of options that have no key here, and why.</summary>
    private static readonly Dictionary<string, string> Needless = new(StringComparer.OrdinalIgnoreCase)
    {
        ["packing"] = Packed,
        ["packing_strategy"] = Packed,
        ["padding_free"] = Packed,
        ["packing_samples"] = Packed,
        ["use_remove_padding"] = Packed,
        ["eval_packing"] = Packed,
        ["use_liger_kernel"] = "losses are always computed from hidden states, chunk by chunk",
        ["gradient_checkpointing"] = "activations are planned before the run; train.micro_batch makes them smaller",
    };

    /// <summary>Why another system's option is not needed here, or null.</summary>
    public static string? WhyNeedless(string key) => Needless.GetValueOrDefault(key[(key.LastIndexOf('.') + 1)..]);

    /// <summary>The key among <paramref name="known"/> that another system's name stands for, or null.</summary>
    public static string? Translate(string key, string[] known)
    {
        int dot = key.LastIndexOf('.');
        if (!Keys.TryGetValue(key[(dot + 1)..], out string[]? candidates))
            return null;
        if (dot > 0)
        {
            // grpo.kl_coef means grpo's, and among several trainers grpo.lr is grpo.optimizer.learning_rate.
            string group = key[..key.IndexOf('.', StringComparison.Ordinal)];
            foreach (string candidate in candidates)
            {
                string nested = $"{group}.{candidate}";
                string own = $"{group}.{candidate[(candidate.IndexOf('.', StringComparison.Ordinal) + 1)..]}";
                if (Array.Find(known, name => name == nested || name == own) is { } found)
                    return found;
            }
        }

        return Array.Find(candidates, candidate => known.Contains(candidate));
    }
}
