using System.Text.Json;
using System.Text.Json.Nodes;
using Gimbal.Models;
using Gimbal.Tensors;

namespace Gimbal.Training;

/// <summary>
/// What must be kept of a run so that it goes on bit for bit: of each trained model the weights, both moments and the number of
/// optimizer steps; the totals. Data order and every random draw are functions of seed and step and need no keeping.
/// </summary>
/// <remarks>Layout of a checkpoint folder: <c>state.json</c> and, for each model, <c>NAME.safetensors</c>; <c>state.bin</c>
/// where a trainer keeps more.</remarks>
internal sealed class Checkpoint(IReadOnlyList<(string Name, ParameterStore Store, Optimizer Optimizer)> models, TrainingTotals totals,
    Action<BinaryWriter>? writeState = null, Action<BinaryReader>? readState = null)
{
    private const string StateFile = "state.json";
    private const string BinaryFile = "state.bin";
    private const int Schema = 1;

    private static readonly string[] Blocks = ["weights", "first_moment", "second_moment"];

    /// <summary>Writes all files into an existing folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="step">Steps taken.</param>
    public void Write(string folder, long step)
    {
        JsonObject optimizers = [];
        foreach ((string name, ParameterStore store, Optimizer optimizer) in models)
        {
            optimizers[name] = optimizer.Steps;
            using SafetensorsWriter writer = new(Path.Combine(folder, name + ".safetensors"),
                Blocks.Select(block => (block, new[] { store.Count })));
            writer.Write(Blocks[0], store.Weights.ToArray<float>());
            writer.Write(Blocks[1], store.FirstMoment.ToArray<float>());
            writer.Write(Blocks[2], store.SecondMoment.ToArray<float>());
            writer.Commit();
        }

        JsonObject state = new()
        {
            ["schema"] = Schema,
            ["step"] = step,
            ["optimizer_steps"] = optimizers,
            ["totals"] = new JsonArray([.. totals.ToArray().Select(value => (JsonNode)value)]),
        };
        if (writeState is not null)
        {
            using BinaryWriter writer = new(File.Create(Path.Combine(folder, BinaryFile)));
            writeState(writer);
        }

        AtomicFile.WriteText(Path.Combine(folder, StateFile), state.ToJsonString() + "\n");
    }

    /// <summary>Restores everything; returns the number of steps taken.</summary>
    /// <exception cref="InvalidFileException">A file is missing, broken, or of another model.</exception>
    public long Read(string folder)
    {
        string path = Path.Combine(folder, StateFile);
        try
        {
            JsonNode state = JsonNode.Parse(File.ReadAllText(path)) ?? throw new JsonException("it is empty");
            if ((int)state["schema"]! != Schema)
            {
                throw new InvalidFileException(path, $"has schema {state["schema"]}; this version knows schema {Schema}.");
            }

            foreach ((string name, ParameterStore store, Optimizer optimizer) in models)
            {
                optimizer.Steps = (long)state["optimizer_steps"]![name]!;
                using SafetensorsReader reader = SafetensorsReader.Open(Path.Combine(folder, name + ".safetensors"));
                float[] block = new float[store.Count];
                reader.Read(Blocks[0], block);
                store.Restore(block);
                reader.Read(Blocks[1], block);
                store.FirstMoment.CopyFrom<float>(block);
                reader.Read(Blocks[2], block);
                store.SecondMoment.CopyFrom<float>(block);
            }

            if (readState is not null)
            {
                using BinaryReader reader = new(File.OpenRead(Path.Combine(folder, BinaryFile)));
                readState(reader);
            }

            totals.Restore([.. state["totals"]!.AsArray().Select(value => (long)value!)]);
            return (long)state["step"]!;
        }
        catch (Exception error) when (error is JsonException or IOException or NullReferenceException or InvalidOperationException or FormatException)
        {
            throw new InvalidFileException(path, $"is no checkpoint of this run: {error.Message} Remove the folder to go on from the one before.",
                innerException: error);
        }
    }
}
