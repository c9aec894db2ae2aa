using System.Text.Json;
using System.Text.Json.Nodes;
using Gimbal.Tensors;

namespace Gimbal.Models;

public sealed partial class ControlPolicy
{
    /// <summary>Name of the file with shape and moments, beside <see cref="SafetensorsReader.FileName"/>.</summary>
    public const string ConfigFileName = "policy.json";

    private const int Schema = 1;

    /// <summary>Writes weights, shape and the moments of the observations; <see cref="Load"/> reads them.</summary>
    public void Save(string folder)
    {
        Directory.CreateDirectory(folder);
        JsonObject config = new()
        {
            ["schema"] = Schema,
            ["observation_size"] = Config.ObservationSize,
            ["action_size"] = Config.ActionSize,
            ["choices"] = Config.Choices,
            ["hidden_sizes"] = new JsonArray([.. Config.HiddenSizes.Select(width => (JsonNode)width)]),
            ["state_dependent_noise"] = Config.StateDependentNoise,
            ["squashes_actions"] = Config.SquashesActions,
        };
        if (Normalizer is { Moments: { } moments })
        {
            config["observations"] = new JsonObject
            {
                ["count"] = moments.Count,
                ["mean"] = new JsonArray([.. moments.Mean.ToArray().Select(value => (JsonNode)value)]),
                ["variance"] = new JsonArray([.. moments.Variance.ToArray().Select(value => (JsonNode)value)]),
            };
        }

        using SafetensorsWriter writer = new(Path.Combine(folder, SafetensorsReader.FileName),
            Store.Parameters.Select(parameter => (parameter.Name, FileShape(parameter))));
        foreach (Parameter parameter in Store.Parameters)
        {
            writer.Write(parameter.Name, parameter.Value.ToArray<float>());
        }

        writer.Commit();
        AtomicFile.Write(Path.Combine(folder, ConfigFileName), JsonSerializer.SerializeToUtf8Bytes(config));
    }

    /// <summary>Loads what <see cref="Save"/> wrote.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="device">Where the policy will live.</param>
    /// <param name="trainable">False: no gradients and no optimizer state.</param>
    /// <exception cref="InvalidFileException">A file is missing, broken, or contradicts the other.</exception>
    public static ControlPolicy Load(string folder, Device device, bool trainable = true)
    {
        ArgumentNullException.ThrowIfNull(folder);
        string path = Path.Combine(folder, ConfigFileName);
        JsonElement json = JsonFile.ReadObject(path);
        using SafetensorsReader reader = SafetensorsReader.Open(Path.Combine(folder, SafetensorsReader.FileName));
        try
        {
            if (json.GetProperty("schema").GetInt32() != Schema)
            {
                throw new InvalidFileException(path, $"has schema {json.GetProperty("schema")}; this version knows schema {Schema}.");
            }

            bool normalizes = json.TryGetProperty("observations", out JsonElement observations);
            ControlPolicyConfig config = new()
            {
                ObservationSize = json.GetProperty("observation_size").GetInt32(),
                ActionSize = json.GetProperty("action_size").GetInt32(),
                Choices = json.GetProperty("choices").GetInt32(),
                HiddenSizes = [.. json.GetProperty("hidden_sizes").EnumerateArray().Select(width => width.GetInt32())],
                NormalizesObservations = normalizes,
                StateDependentNoise = IsSet(json, "state_dependent_noise"),
                SquashesActions = IsSet(json, "squashes_actions"),
            };
            ControlPolicy policy = LoadWeights(reader, device, config, trainable, static name => name);
            if (normalizes)
            {
                policy.Normalizer!.Moments.Restore(observations.GetProperty("count").GetDouble(),
                    [.. observations.GetProperty("mean").EnumerateArray().Select(value => value.GetDouble())],
                    [.. observations.GetProperty("variance").EnumerateArray().Select(value => value.GetDouble())]);
            }

            return policy;
        }
        catch (Exception error) when (error is KeyNotFoundException or InvalidOperationException or FormatException or ArgumentException)
        {
            throw new InvalidFileException(path, $"is no policy: {error.Message}", innerException: error);
        }
    }

    /// <summary>
    /// Loads the weights of a Stable-Baselines3 actor-critic policy with separate networks (its <c>state_dict</c> as safetensors).
    /// The matrix of state-dependent exploration is not taken over: the deterministic action and the value are the same without it.
    /// </summary>
    /// <param name="path">The safetensors file.</param>
    /// <param name="device">Where the policy will live.</param>
    /// <param name="isDiscrete">Whether the outputs are logits of choices.</param>
    /// <param name="moments">Moments of the observations, if they are to be normalised.</param>
    /// <exception cref="InvalidFileException">A tensor is missing or has another shape.</exception>
    public static ControlPolicy LoadStableBaselines(string path, Device device, bool isDiscrete, RunningMoments? moments = null)
    {
        using SafetensorsReader reader = SafetensorsReader.Open(path);
        List<int> hidden = [];
        while (reader.Find($"mlp_extractor.policy_net.{2 * hidden.Count}.bias") is { } bias)
        {
            hidden.Add((int)bias.Shape[0]);
        }

        int last = 2 * hidden.Count, outputs = (int)reader.Get("action_net.weight").Shape[0];
        ControlPolicyConfig config = new()
        {
            ObservationSize = (int)reader.Get(hidden.Count == 0 ? "action_net.weight" : "mlp_extractor.policy_net.0.weight").Shape[1],
            ActionSize = isDiscrete ? 1 : outputs,
            Choices = isDiscrete ? outputs : 0,
            HiddenSizes = hidden,
            NormalizesObservations = moments is not null,
        };
        ControlPolicy policy = LoadWeights(reader, device, config, trainable: true, name =>
        {
            string[] parts = name.Split('.');
            return parts switch
            {
                [_] => null,
                ["critic", var layer, var kind] => layer == $"{last}" ? $"value_net.{kind}" : $"mlp_extractor.value_net.{layer}.{kind}",
                [_, var layer, var kind] => layer == $"{last}" ? $"action_net.{kind}" : $"mlp_extractor.policy_net.{layer}.{kind}",
                _ => name,
            };
        });
        if (moments is not null)
        {
            policy.Normalizer!.Moments.Restore(moments.Count, moments.Mean, moments.Variance);
        }

        return policy;
    }

    /// <summary>Fills every parameter from the tensor that <paramref name="nameInFile"/> names; null leaves it as initialised.</summary>
    internal static ControlPolicy LoadWeights(SafetensorsReader reader, Device device, ControlPolicyConfig config, bool trainable,
        Func<string, string?> nameInFile)
    {
        ControlPolicy policy = new(device, config, trainable: trainable);
        try
        {
            foreach (Parameter parameter in policy.Store.Parameters)
            {
                if (nameInFile(parameter.Name) is not { } name)
                {
                    continue;
                }

                long[] shape = [.. reader.Get(name).Shape];
                if (!shape.AsSpan().SequenceEqual(FileShape(parameter)))
                {
                    throw new InvalidFileException(reader.Path, $"has shape ({string.Join(", ", shape)}), expected " +
                        $"({string.Join(", ", FileShape(parameter))}).", tensor: name);
                }

                float[] values = new float[parameter.Shape.Count];
                reader.Read(name, values);
                parameter.Value.CopyFrom<float>(values);
            }

            policy.Store.Touch();
            return policy;
        }
        catch
        {
            policy.Dispose();
            throw;
        }
    }

    /// <summary>Files of before the key are without what it names.</summary>
    private static bool IsSet(JsonElement json, string name) => json.TryGetProperty(name, out JsonElement value) && value.GetBoolean();

    private static long[] FileShape(Parameter parameter) =>
        parameter.Shape.Rank == 1 ? [parameter.Shape.Count] : [parameter.Shape.Rows, parameter.Shape.Width];
}
