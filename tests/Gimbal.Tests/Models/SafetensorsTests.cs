using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using Gimbal.Models;

namespace Gimbal.Tests.Models;

public sealed class SafetensorsTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void RoundTripKeepsEveryBit()
    {
        string path = folder.File("model.safetensors");
        float[] values = [0f, -0f, 1.5f, float.Epsilon, float.NaN, float.NegativeInfinity, float.MaxValue];
        float[] large = [.. Enumerable.Range(0, 2_100_001).Select(i => MathF.Sin(i))];
        using (SafetensorsWriter writer = new(path,
            [("large", [2_100_001]), ("naïve \"name\"", [7, 1]), ("empty", [0, 3]), ("scalar", [])],
            new Dictionary<string, string> { ["note"] = "a\nb" }))
        {
            writer.Write("large", large);
            writer.Write("naïve \"name\"", values);
            writer.Write("empty", []);
            writer.Write("scalar", [42f]);
            writer.Commit();
        }

        using SafetensorsReader reader = SafetensorsReader.Open(folder.Path);
        Assert.Equal(["large", "naïve \"name\"", "empty", "scalar"], reader.Entries.Select(entry => entry.Name));
        Assert.Equal([7, 1], reader.Get("naïve \"name\"").Shape);
        Assert.Empty(reader.Get("scalar").Shape);
        Assert.Equal("pt", reader.Metadata["format"]);
        Assert.Equal("a\nb", reader.Metadata["note"]);
        AssertSameBits(large, Read(reader, "large"));
        AssertSameBits(values, Read(reader, "naïve \"name\""));
        AssertSameBits([], Read(reader, "empty"));
        AssertSameBits([42f], Read(reader, "scalar"));
        float[] middle = new float[3];
        reader.Read(reader.Get("large"), 1_048_575, middle);
        AssertSameBits(large.AsSpan(1_048_575, 3), middle);
        Assert.Throws<ArgumentOutOfRangeException>(() => reader.Read(reader.Get("large"), 2_099_999, middle));
        Assert.Equal([path], Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void EveryHalfIsExact()
    {
        using SafetensorsReader reader = Open("F16", [65536], AllSixteenBits());
        float[] read = Read(reader, "t");
        for (int bits = 0; bits < 65536; bits++)
        {
            int exponent = bits >> 10 & 31, fraction = bits & 1023;
            double magnitude = exponent switch
            {
                0 => fraction * Math.Pow(2, -24),
                31 => fraction == 0 ? double.PositiveInfinity : double.NaN,
                _ => (1024 + fraction) * Math.Pow(2, exponent - 25),
            };
            double expected = bits >> 15 == 1 ? -magnitude : magnitude;
            Assert.True(double.IsNaN(expected) ? float.IsNaN(read[bits]) : expected.Equals((double)read[bits]),
                $"bits {bits:x4}: {read[bits]}, expected {expected}");
        }
    }

    [Fact]
    public void EveryBFloat16IsTheUpperHalfOfItsFloat()
    {
        using SafetensorsReader reader = Open("BF16", [256, 256], AllSixteenBits());
        float[] read = Read(reader, "t");
        for (int bits = 0; bits < 65536; bits++)
        {
            Assert.Equal((uint)bits << 16, BitConverter.SingleToUInt32Bits(read[bits]));
        }
    }

    [Fact]
    public void UnalignedDataIsRead()
    {
        // One byte in front and a header of odd length: nothing lies on a multiple of its size.
        byte[] data = [7, .. MemoryMarshal.AsBytes<float>([1.25f, -3f]), .. MemoryMarshal.AsBytes<ushort>([0x3F80, 0x4000])];
        using SafetensorsReader reader = Open(
            """{"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"f":{"dtype":"F32","shape":[2],"data_offsets":[1,9]},"h":{"dtype":"BF16","shape":[2],"data_offsets":[9,13]}} """,
            data);
        AssertSameBits([1.25f, -3f], Read(reader, "f"));
        AssertSameBits([1f, 2f], Read(reader, "h"));
        Assert.Equal([7], reader.Bytes("b").ToArray());
        InvalidFileException fault = Assert.Throws<InvalidFileException>(() => reader.Read("b", new float[1]));
        Assert.Equal("b", fault.Tensor);
        Assert.Contains("UInt8", fault.Message);
    }

    [Fact]
    public void MissingTensorAndWrongCountNameTheTensor()
    {
        using SafetensorsReader reader = Open("F32", [2, 3], new byte[24]);
        InvalidFileException missing = Assert.Throws<InvalidFileException>(() => reader.Get("lm_head.weight"));
        Assert.Equal("lm_head.weight", missing.Tensor);
        InvalidFileException count = Assert.Throws<InvalidFileException>(() => reader.Read("t", new float[5]));
        Assert.Contains("(2, 3)", count.Message);
        Assert.Null(reader.Find("lm_head.weight"));
    }

    /// <summary>Header, bytes of data behind it, the tensor to be named, a part of the message.</summary>
    public static TheoryData<string, int, string?, string> HostileHeaders => new()
    {
        { "{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}", 8, null, "not valid JSON" },
        { "[1,2]", 0, null, "expected an object" },
        { "", 0, null, "not valid JSON" },
        { Tensor("t", "F32", "[2]", 0, 8), 4, "t", "holds only 4" },
        { Tensor("t", "F32", "[3]", 0, 8), 8, "t", "takes 12 bytes" },
        { Tensor("t", "F32", "[2]", 8, 0), 8, "t", "begin <= end" },
        { Tensor("t", "F32", "[2]", 4, 12), 12, "t", "no hole" },
        { Tensor("t", "F32", "[2]", 0, 8), 9, "t", "9 follow" },
        { Tensor("t", "F32", "[4294967296,4294967296,4]", 0, 8), 8, "t", "overflows" },
        { Tensor("t", "F32", "[2305843009213693952]", 0, 8), 8, "t", "overflows" },
        { Tensor("t", "F32", "[-2]", 0, 8), 8, "t", "-2" },
        { Tensor("t", "F32", "[2.5]", 0, 8), 8, "t", "2.5" },
        { Tensor("t", "F32", "[99999999999999999999]", 0, 8), 8, "t", "2^63" },
        { Tensor("t", "F32", "2", 0, 8), 8, "t", "expected a JSON Array" },
        { Tensor("t", "Q4_0", "[2]", 0, 8), 8, "t", "Q4_0" },
        { "{\"t\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "t", "no 'dtype'" },
        { "{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}", 8, "t", "begin <= end" },
        { "{\"\\ud800\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}", 4, null, "not Unicode" },
        { "{\"t\":7}", 0, "t", "expected an object" },
        { "{\"__metadata__\":{\"a\":1}}", 0, null, "__metadata__.a" },
        { Two("a", 0, 8, "b", 4, 12), 12, "b", "overlaps 'a'" },
        { Two("a", 0, 8, "a", 8, 16), 16, "a", "twice" },
    };

    [Theory]
    [MemberData(nameof(HostileHeaders))]
    public void HostileHeadersAreRefused(string header, int dataBytes, string? tensor, string message)
    {
        string path = folder.Write("x.safetensors", FileOf(Encoding.UTF8.GetBytes(header), new byte[dataBytes]));
        InvalidFileException fault = Assert.Throws<InvalidFileException>(() => SafetensorsReader.Open(path));
        Assert.Equal(path, fault.Path);
        Assert.Equal(tensor, fault.Tensor);
        Assert.Contains(message, fault.Message);
        Assert.Contains(path, fault.Message);
    }

    [Fact]
    public void HostileLengthsAreRefused()
    {
        AssertFault([], "too few");
        AssertFault([1, 2, 3], "too few");
        AssertFault([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], "claims 18446744073709551615");
        AssertFault([0, 0xe1, 0xf5, 5, 0, 0, 0, 0, 1], "only 1 follow");
        AssertFault([9, 0, 0, 0, 0, 0, 0, 0, (byte)'{', (byte)'}'], "only 2 follow");
        AssertFault([6, 0, 0, 0, 0, 0, 0, 0, (byte)'{', (byte)'"', 0xff, (byte)'"', (byte)':', (byte)'1'], "JSON");
        InvalidFileException absent = Assert.Throws<InvalidFileException>(() => SafetensorsReader.Open(folder.File("none")));
        Assert.Contains("cannot be opened", absent.Message);
        Assert.Contains("neither", Assert.Throws<InvalidFileException>(() => SafetensorsReader.Open(folder.Path)).Message);

        void AssertFault(byte[] bytes, string message)
        {
            InvalidFileException fault = Assert.Throws<InvalidFileException>(
                () => SafetensorsReader.Open(folder.Write("y.safetensors", bytes)));
            Assert.Contains(message, fault.Message);
        }
    }

    [Fact]
    public void EveryTruncationIsRefused()
    {
        byte[] whole = FileOf(Encoding.UTF8.GetBytes(Two("a", 0, 8, "b", 8, 16)), new byte[16]);
        for (int length = 0; length < whole.Length; length++)
        {
            string path = folder.Write("cut.safetensors", whole[..length]);
            Assert.Throws<InvalidFileException>(() => SafetensorsReader.Open(path));
        }
    }

    [Fact]
    public void AnyDamageIsHarmlessOrNamed()
    {
        byte[] whole = FileOf(Encoding.UTF8.GetBytes(Two("a", 0, 8, "b", 8, 16)), new byte[16]);
        Random random = new(5);
        int refused = 0;
        for (int i = 0; i < 3000; i++)
        {
            byte[] damaged = [.. whole];
            for (int change = random.Next(1, 4); change > 0; change--)
            {
                // Mostly digits and punctuation of JSON, so that many of them stay readable.
                damaged[random.Next(damaged.Length - 16)] = random.Next(3) == 0 ? (byte)random.Next(256) : (byte)"0189,:[]{}\"-eF"[random.Next(14)];
            }

            try
            {
                using SafetensorsReader reader = SafetensorsReader.Open(folder.Write("damaged.safetensors", damaged));
                foreach (SafetensorsEntry entry in reader.Entries)
                {
                    Assert.True(reader.Bytes(entry.Name).Length <= 16);
                }
            }
            catch (InvalidFileException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 2000, 2999);
    }

    [Fact]
    public void ShardsAreReadThroughTheirIndex()
    {
        WriteShard("model-00001-of-00002.safetensors", ("a", [1f, 2f]));
        WriteShard("model-00002-of-00002.safetensors", ("b", [3f]), ("c", [4f, 5f, 6f]));
        folder.Write("model.safetensors.index.json",
            """{"metadata":{"total_size":24},"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors","c":"model-00002-of-00002.safetensors"}}""");
        using SafetensorsReader reader = SafetensorsReader.Open(folder.Path);
        Assert.Equal("24", reader.Metadata["total_size"]);
        AssertSameBits([1f, 2f], Read(reader, "a"));
        AssertSameBits([4f, 5f, 6f], Read(reader, "c"));
        Assert.Equal(3, reader.Entries.Count);
    }

    [Theory]
    [InlineData("""{"weight_map":{"a":"s.safetensors","z":"s.safetensors"}}""", "z", "does not hold it")]
    [InlineData("""{"weight_map":{"a":"../s.safetensors"}}""", "a", "same folder")]
    [InlineData("""{"weight_map":{"a":7}}""", "a", "same folder")]
    [InlineData("""{"weight_map":{"a":"s.safetensors","a":"s.safetensors"}}""", "a", "twice")]
    [InlineData("""{"weight_map":[]}""", null, "weight_map")]
    [InlineData("""{"weight_map":{"a":"absent.safetensors"}}""", null, "cannot be opened")]
    [InlineData("""{"weight_map":""", null, "not valid JSON")]
    public void HostileIndexesAreRefused(string index, string? tensor, string message)
    {
        WriteShard("s.safetensors", ("a", [1f]));
        string path = folder.Write("model.safetensors.index.json", index);
        InvalidFileException fault = Assert.Throws<InvalidFileException>(() => SafetensorsReader.Open(path));
        Assert.Equal(tensor, fault.Tensor);
        Assert.Contains(message, fault.Message);
    }

    [Fact]
    public void AnUnfinishedWriteLeavesTheOldFile()
    {
        WriteShard("model.safetensors", ("a", [1f]));
        byte[] before = File.ReadAllBytes(folder.File("model.safetensors"));
        using (SafetensorsWriter writer = new(folder.File("model.safetensors"), [("a", [2]), ("b", [1])]))
        {
            writer.Write("a", [2f, 3f]);
            Assert.Throws<ArgumentException>(() => writer.Write("a", [2f, 3f]));
            Assert.Throws<ArgumentException>(() => writer.Write("b", [2f, 3f]));
            Assert.Contains("'b'", Assert.Throws<InvalidOperationException>(writer.Commit).Message);
        }

        Assert.Equal(before, File.ReadAllBytes(folder.File("model.safetensors")));
        Assert.Single(Directory.GetFiles(folder.Path));
        Assert.Throws<ArgumentException>(() => new SafetensorsWriter(folder.File("x"), [("a", [1]), ("a", [1])]));
        Assert.Single(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void ARealModelIsRead()
    {
        using SafetensorsReader reader = SafetensorsReader.Open(SharedFolder.Require("data/models/stories260K"));
        Assert.Equal([512, 64], reader.Get("model.embed_tokens.weight").Shape);
        Assert.Equal(260_032, reader.Entries.Sum(entry => entry.Count));
        float[] table = Read(reader, "model.embed_tokens.weight");

        // The same table in llama2.c's layout: seven integers, then the embedding.
        byte[] legacy = File.ReadAllBytes(SharedFolder.Require("data/models/stories260K/stories260K.bin"));
        AssertSameBits(MemoryMarshal.Cast<byte, float>(legacy.AsSpan(28, table.Length * 4)), table);
    }

    private static string Tensor(string name, string dtype, string shape, long begin, long end) =>
        $$$"""{"{{{name}}}":{"dtype":"{{{dtype}}}","shape":{{{shape}}},"data_offsets":[{{{begin}}},{{{end}}}]}}""";

    private static string Two(string a, long aBegin, long aEnd, string b, long bBegin, long bEnd) =>
        Tensor(a, "F32", "[2]", aBegin, aEnd)[..^1] + "," + Tensor(b, "F32", "[2]", bBegin, bEnd)[1..];

    private static byte[] FileOf(byte[] header, byte[] data)
    {
        byte[] length = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
        return [.. length, .. header, .. data];
    }

    private static byte[] AllSixteenBits()
    {
        ushort[] values = [.. Enumerable.Range(0, 65536).Select(bits => (ushort)bits)];
        return MemoryMarshal.AsBytes<ushort>(values).ToArray();
    }

    private SafetensorsReader Open(string dtype, int[] shape, byte[] data) =>
        Open(Tensor("t", dtype, $"[{string.Join(",", shape)}]", 0, data.Length), data);

    private SafetensorsReader Open(string header, byte[] data) =>
        SafetensorsReader.Open(folder.Write("t.safetensors", FileOf(Encoding.UTF8.GetBytes(header), data)));

    private void WriteShard(string name, params (string Name, float[] Data)[] tensors)
    {
        using SafetensorsWriter writer = new(folder.File(name), tensors.Select(t => (t.Name, new long[] { t.Data.Length })));
        foreach ((string tensor, float[] data) in tensors)
        {
            writer.Write(tensor, data);
        }

        writer.Commit();
    }

    private static float[] Read(SafetensorsReader reader, string name)
    {
        float[] values = new float[reader.Get(name).Count];
        reader.Read(name, values);
        return values;
    }

    private static void AssertSameBits(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual) =>
        Assert.True(MemoryMarshal.AsBytes(expected).SequenceEqual(MemoryMarshal.AsBytes(actual)));
}
