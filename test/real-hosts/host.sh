#!/bin/bash
# One host for a test: its own address, name, /etc, /run and processes, an sshd, a systemctl that manages one
# agent. Runs inside `unshare --mount --uts --pid --fork`, in a network namespace that is there already.
#
#   host.sh FOLDER NAME ADDRESS NOMAD
#
# FOLDER has sshd's key (host_key), authorized_keys, agent.hcl, and receives etc/ run/ data/ and the logs.
set -eu
folder=$1 name=$2 address=$3 nomad=$4
mount --make-rprivate /
mount -t proc proc /proc
hostname "$name"
mkdir -p "$folder/etc/up" "$folder/etc/work" "$folder/local/up" "$folder/local/work" "$folder/run" "$folder/tmp"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$folder/etc/up,workdir=$folder/etc/work" /etc
mount -t overlay overlay -o "lowerdir=/usr/local,upperdir=$folder/local/up,workdir=$folder/local/work" /usr/local
mount --bind "$folder/run" /run
mkdir -p /run/sshd /etc/nomad.d
chmod 755 /etc/nomad.d
cp "$folder/agent.hcl" /etc/nomad.d/agent.hcl
cat >/usr/local/bin/systemctl <<SH
#!/bin/sh
# Manages nomad.service as far as an installer asks.
log=$folder/nomad.log
pid() { cat /run/nomad.pid 2>/dev/null; }
alive() { p=\$(pid); [ -n "\$p" ] && kill -0 "\$p" 2>/dev/null; }
start() {
  env -i PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME=/root setsid $nomad agent -config /etc/nomad.d >>"\$log" 2>&1 </dev/null &
  echo \$! >/run/nomad.pid
}
stop() {
  alive || return 0
  kill -INT "\$(pid)"
  n=0
  while alive && [ \$n -lt 100 ]; do sleep 0.1; n=\$((n + 1)); done
  alive && kill -9 "\$(pid)"
  return 0
}
for last; do :; done
case \$last in nomad | nomad.service) ;; *) [ "\$1" = is-active ] && echo inactive; exit 4 ;; esac
case \$1 in
  is-active) if alive; then echo active; else echo inactive; exit 3; fi ;;
  show) case "\$*" in *MainPID*) alive && echo "MainPID=\$(pid)" || echo MainPID=0 ;; *Type*) echo Type=notify ;; esac ;;
  reload) alive || exit 1; kill -HUP "\$(pid)" ;;
  restart) stop; start; sleep 1; alive ;;
  start) alive || start ;;
  stop) stop ;;
  reset-failed) ;;
esac
SH
chmod 755 /usr/local/bin/systemctl
install -d -m 700 /etc/ssh/test
cp "$folder/host_key" /etc/ssh/test/host_key
chmod 600 /etc/ssh/test/host_key
cp "$folder/authorized_keys" /etc/ssh/test/authorized_keys
chmod 600 /etc/ssh/test/authorized_keys
cat >/etc/ssh/test/config <<CONFIG
ListenAddress $address
HostKey /etc/ssh/test/host_key
AuthorizedKeysFile /etc/ssh/test/authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
UsePAM no
StrictModes no
PidFile none
MaxStartups 100
CONFIG
exec /usr/sbin/sshd -D -e -f /etc/ssh/test/config >"$folder/sshd.log" 2>&1
