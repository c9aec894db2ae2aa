using System.Runtime.ExceptionServices;

namespace Gimbal.Training;

/// <summary>
/// Threads that do a fixed share each of the same work, again and again, without allocating: part p of P does the items from
/// p count / P up to (p + 1) count / P. The calling thread does part 0; an exception of any part is thrown to the caller.
/// </summary>
internal sealed class StepTeam : IDisposable
{
    private readonly int parts;
    private readonly int count;
    private readonly Action<int> work;
    private readonly Exception?[] errors;
    private readonly SemaphoreSlim[] start;
    private readonly Thread[] threads;
    private readonly CountdownEvent done;
    private bool ending;

    public StepTeam(int parts, int count, Action<int> work)
    {
        (this.parts, this.count, this.work) = (parts, count, work);
        errors = new Exception?[parts];
        start = [.. Enumerable.Range(1, parts - 1).Select(_ => new SemaphoreSlim(0))];
        done = new CountdownEvent(Math.Max(1, parts - 1));
        threads = [.. Enumerable.Range(1, parts - 1).Select(part => new Thread(() => Serve(part)) { IsBackground = true, Name = $"environments {part}" })];
        foreach (Thread thread in threads)
        {
            thread.Start();
        }
    }

    /// <summary>Does every item once.</summary>
    public void Run()
    {
        ObjectDisposedException.ThrowIf(ending, this);
        if (threads.Length > 0)
        {
            done.Reset();
            foreach (SemaphoreSlim signal in start)
            {
                signal.Release();
            }
        }

        RunPart(0);
        if (threads.Length > 0)
        {
            done.Wait();
        }

        for (int part = 0; part < parts; part++)
        {
            if (errors[part] is { } error)
            {
                Array.Clear(errors);
                ExceptionDispatchInfo.Throw(error);
            }
        }
    }

    public void Dispose()
    {
        if (ending)
        {
            return;
        }

        Volatile.Write(ref ending, true);
        for (int i = 0; i < threads.Length; i++)
        {
            start[i].Release();
            threads[i].Join();
            start[i].Dispose();
        }

        done.Dispose();
    }

    private void Serve(int part)
    {
        while (true)
        {
            start[part - 1].Wait();
            if (Volatile.Read(ref ending))
            {
                return;
            }

            RunPart(part);
            done.Signal();
        }
    }

    private void RunPart(int part)
    {
        try
        {
            int end = (int)((long)(part + 1) * count / parts);
            for (int item = (int)((long)part * count / parts); item < end; item++)
            {
                work(item);
            }
        }
        catch (Exception error)
        {
            errors[part] = error;
        }
    }
}
