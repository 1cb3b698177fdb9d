# Lets somebody without administrator rights switch a WireGuard tunnel on and off on this computer.
# For IT, once, in a terminal as administrator:
#
#   powershell -ExecutionPolicy Bypass -File wireguard-for-users.ps1 -Account anne -Config C:\Users\anne\Downloads\office.conf
#
# It installs the WireGuard app if it is not there, keeps the configuration where only the system reads it, removes the
# file it came in, and does what WireGuard's own documentation (docs/enterprise.md: LimitedOperatorUI) says for people who
# are no administrators. The configuration stays on this computer: its key was made for it.
param(
    [Parameter(Mandatory = $true)][string]$Account,
    [Parameter(Mandatory = $true)][string]$Config
)
$ErrorActionPreference = 'Stop'
Set-StrictMode -Version Latest

$me = New-Object Security.Principal.WindowsPrincipal([Security.Principal.WindowsIdentity]::GetCurrent())
if (-not $me.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) {
    throw 'This needs administrator rights: open the terminal with "Run as administrator".'
}
$file = Get-Item -LiteralPath $Config
if ($file.Extension -ne '.conf' -or $file.BaseName -notmatch '^[a-zA-Z0-9_=+.-]{1,32}$') {
    throw "$($file.Name): a file such as office.conf is expected, as the invitation's page saved it."
}
if (-not (Select-String -LiteralPath $file.FullName -Pattern '^PrivateKey *= *\S' -Quiet)) {
    throw "$($file.Name): there is no private key in it. Save it from the invitation's page once more."
}

$app = Join-Path $env:ProgramFiles 'WireGuard\wireguard.exe'
if (-not (Test-Path -LiteralPath $app)) {
    $installer = Join-Path $env:TEMP ([IO.Path]::GetRandomFileName() + '.exe')
    [Net.ServicePointManager]::SecurityProtocol = [Net.SecurityProtocolType]::Tls12
    Invoke-WebRequest -UseBasicParsing 'https://download.wireguard.com/windows-client/wireguard-installer.exe' -OutFile $installer
    $signed = Get-AuthenticodeSignature -LiteralPath $installer
    if ($signed.Status -ne 'Valid' -or $signed.SignerCertificate.Subject -notmatch 'WireGuard LLC') {
        Remove-Item -LiteralPath $installer
        throw 'The downloaded WireGuard installer is not signed by WireGuard LLC. Nothing was installed.'
    }
    Start-Process -FilePath $installer -Wait
    Remove-Item -LiteralPath $installer
    if (-not (Test-Path -LiteralPath $app)) { throw 'The WireGuard app was not installed. Run its installer, then this again.' }
}

# People of this group see the app, with on and off and nothing else.
New-Item -Path 'HKLM:\Software\WireGuard' -Force | Out-Null
Set-ItemProperty -Path 'HKLM:\Software\WireGuard' -Name 'LimitedOperatorUI' -Type DWord -Value 1
# Network Configuration Operators, by its number: its name is another in each language.
try { Add-LocalGroupMember -SID 'S-1-5-32-556' -Member $Account }
catch [Microsoft.PowerShell.Commands.MemberExistsException] { Write-Output "$Account may switch tunnels already." }

# The app's service makes the folder, which nobody but the system reads; it takes the file in, and encrypts it.
$kept = Join-Path $env:ProgramFiles 'WireGuard\Data\Configurations'
$manager = Get-Service -Name 'WireGuardManager' -ErrorAction SilentlyContinue
if (-not $manager -or $manager.Status -ne 'Running') {
    Start-Process -FilePath $app -ArgumentList '/installmanagerservice' -Wait
}
for ($second = 0; $second -lt 30 -and -not (Test-Path -LiteralPath $kept); $second++) { Start-Sleep -Seconds 1 }
if (-not (Test-Path -LiteralPath $kept)) {
    throw "The WireGuard app has not made $kept. Start the app once, close it, then run this again. The file is where it was."
}
# Administrators may read there, and write with the right to restore files, which robocopy uses.
& robocopy.exe $file.DirectoryName $kept $file.Name /B /R:1 /W:1 /NJH /NJS /NFL /NDL /NP | Out-Null
if ($LASTEXITCODE -ge 8) { throw "$($file.Name) could not be copied to $kept (robocopy $LASTEXITCODE). The file is where it was." }
Remove-Item -LiteralPath $file.FullName

Write-Output "Done. $Account signs out of Windows and in again, then finds the tunnel $($file.BaseName) in the WireGuard app."
