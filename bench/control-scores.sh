#!/usr/bin/env bash
# Classic PPO on the control tasks, five seeds each: bench/control-scores.sh [FOLDER]. Runs that are in the folder already are not run
# again. Prints the tables of docs/RESULTS.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=${1:-runs/control-scores}

run() { # name, arguments of gimbal control
    local name=$1 seed
    shift
    for seed in 1 2 3 4 5; do
        [[ -e $out/$name/$seed/summary.json ]] ||
            src/Gimbal.Cli/bin/Release/net10.0/gimbal control --threads 1 --seed "$seed" --set eval.episodes=500 --out "$out/$name/$seed" "$@"
    done
}

run "CartPole-v1, CleanRL's settings" --config bench/control/cartpole-cleanrl.yaml
run "Acrobot-v1" --env Acrobot-v1
run "Pendulum-v1" --env Pendulum-v1
run "Pendulum-v1, gSDE" --env Pendulum-v1 --set control.state_dependent_noise=true
run "Pendulum-v1, CleanRL's settings" --config bench/control/pendulum-cleanrl.yaml
run "Pendulum-v1, CleanRL's settings, 1M" --config bench/control/pendulum-cleanrl.yaml --set control.total_steps=1000000
run "Pendulum-v1, CleanRL's settings, time limits bootstrapped" --config bench/control/pendulum-cleanrl.yaml --set control.bootstrap_truncated=true
run "MountainCarContinuous-v0" --env MountainCarContinuous-v0
run "MountainCarContinuous-v0, gSDE" --env MountainCarContinuous-v0 --set control.state_dependent_noise=true
run "MountainCar-v0" --env MountainCar-v0
python3 bench/control_scores.py "$out"
