using System.Text;

namespace Gimbal.Tests.Training;

/// <summary>A file that exists for one test.</summary>
internal sealed class TemporaryFile : IDisposable
{
    public TemporaryFile(string text) : this(Encoding.UTF8.GetBytes(text)) { }

    public TemporaryFile(byte[] bytes)
    {
        Path = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"gimbal-{Guid.NewGuid():N}.txt");
        File.WriteAllBytes(Path, bytes);
    }

    public string Path { get; }

    public void Dispose() => File.Delete(Path);
}
