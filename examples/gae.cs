#:project ../src/Gimbal.Tensors/Gimbal.Tensors.csproj
#:property PublishAot=false

// Ops on your own buffers: advantages and returns of two episodes of four steps. Run it with
//
//     dotnet run -c Release examples/gae.cs

using Gimbal.Tensors;

const int Rows = 2, Steps = 4;
float[] rewards = [1, 1, 1, 1, 0, 0, 0, 5];
float[] values = [3.6f, 2.8f, 1.9f, 1, 4, 4.2f, 4.5f, 4.8f];
float[] lastValues = [0, 0];
bool[] terminated = [false, false, false, true, false, false, false, true];
float[] advantages = new float[Rows * Steps], returns = new float[Rows * Steps];

Ops.Gae(rewards, values, lastValues, terminated, [], [], [], advantages, returns, Rows, Steps, gamma: 0.99f, lambda: 0.95f);

for (int row = 0; row < Rows; row++)
    Console.WriteLine($"episode {row}: advantages {string.Join(' ', advantages.Skip(row * Steps).Take(Steps).Select(a => a.ToString("F3")))}");
