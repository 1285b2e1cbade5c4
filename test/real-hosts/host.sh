#!/bin/bash
# One host for a test: its own address, name, /etc, /run and processes, an sshd, a systemctl that manages one
# agent. Runs inside `unshare --mount --uts --pid --fork`, in a network namespace that is there already.
#
#   host.sh FOLDER NAME ADDRESS NOMAD [busybox]
#
# The user deploy may become root by sudo, without a password. With busybox that is all the host has.
# FOLDER has sshd's key (host_key), authorized_keys, agent.hcl, and receives etc/ run/ data/ and the logs.
set -eu
folder=$1 name=$2 address=$3 nomad=$4 kind=${5:-}
mount --make-rprivate /
mount -t proc proc /proc
hostname "$name"
mkdir -p "$folder/etc/up" "$folder/etc/work" "$folder/local/up" "$folder/local/work" "$folder/run" "$folder/tmp"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$folder/etc/up,workdir=$folder/etc/work" /etc
printf '%s %s\n' "$address" "$name" >>/etc/hosts
printf 'deploy:*:4242:4242::/:/bin/sh\n' >>/etc/passwd
printf 'deploy:*:19000::::::\n' >>/etc/shadow
printf 'deploy:x:4242:\n' >>/etc/group
install -d -m 750 /etc/sudoers.d
printf 'deploy ALL=(ALL) NOPASSWD: ALL\n' >/etc/sudoers.d/deploy
chmod 440 /etc/sudoers.d/deploy
below=/usr/local
if [ "$kind" = busybox ]; then below=$folder/local/below && mkdir -p "$below/bin"; fi
mount -t overlay overlay -o "lowerdir=$below,upperdir=$folder/local/up,workdir=$folder/local/work" /usr/local
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
# sshd reads the keys that it lets in as the user.
install -d -m 755 /etc/ssh/test
cp "$folder/host_key" /etc/ssh/test/host_key
chmod 600 /etc/ssh/test/host_key
cp "$folder/authorized_keys" /etc/ssh/test/authorized_keys
chmod 644 /etc/ssh/test/authorized_keys
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
if [ "$kind" = busybox ]; then
  tools=$folder/tools
  mkdir -p "$tools"
  cp /usr/bin/busybox /usr/sbin/sshd "$tools/"
  for tool in $(busybox --list); do ln -sf busybox "$tools/$tool"; done
  sed -i 's#^\(root:.*:\)[^:]*$#\1/bin/sh#' /etc/passwd
  mount --bind "$tools" /usr/bin
  # With the first of them in place only what BusyBox has is left.
  mount -o bind "$tools" /usr/sbin
fi
exec /usr/sbin/sshd -D -e -f /etc/ssh/test/config >"$folder/sshd.log" 2>&1
