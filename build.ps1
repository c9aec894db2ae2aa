# build.ps1 VERB: each verb is one line that can be typed without this script. The same verbs are in build.sh.
param([string] $Verb = 'build')
Set-Location $PSScriptRoot
switch ($Verb) {
    'build'   { dotnet build -c Release }
    'test'    { dotnet test -c Release }
    'compare' { dotnet run -c Release --project src/Gimbal.Cli -- compare }
    'bench'   { dotnet run -c Release --project src/Gimbal.Cli -- bench }
    'format'  { cmake -P eng/Format.cmake }
    'clean'   { dotnet clean -c Release }
    default   { Write-Error "unknown verb '$Verb'; known: build, test, compare, bench, format, clean"; exit 2 }
}
exit $LASTEXITCODE
