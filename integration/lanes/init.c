/*
 * First program of the user-mode kernel (run-uml): lays the root, runs the lane's command, powers off.
 *
 * The root is the host's own "/", read-only, under a tmpfs: the checkout and its virtual environment are
 * where they are, and whatever is written vanishes with the kernel.  The one way out is /run/lane, a folder
 * of the host's: it holds the script "command", and gets its exit status in "status".
 *
 * From the kernel's command line: LANE (that folder, as the host names it) and BOOT=systemd (the command
 * only prepares the root; then systemd becomes PID 1).
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROOT "/mnt/root"

struct mount_point {
    const char *type, *target, *options;
};

static const struct mount_point ABOVE_THE_HOST[] = {
    {"proc", ROOT "/proc", NULL},
    {"sysfs", ROOT "/sys", NULL},
    {"cgroup2", ROOT "/sys/fs/cgroup", NULL},
    {"devtmpfs", ROOT "/dev", NULL},
    {"devpts", ROOT "/dev/pts", "ptmxmode=0666"},
    {"tmpfs", ROOT "/dev/shm", NULL},
    {"tmpfs", ROOT "/run", "mode=755"},
};

static void mount_or_say(const char *type, const char *target, const char *options)
{
    mkdir(target, 0755); /* most exist; those inside a fresh tmpfs or devtmpfs do not */
    if (mount(type, target, type, 0, options))
        fprintf(stderr, "lane: mounting %s on %s: %s\n", type, target, strerror(errno));
}

static void lay_root(const char *lane)
{
    mount_or_say("tmpfs", "/mnt", "size=80%");
    mkdir("/mnt/upper", 0755);
    mkdir("/mnt/work", 0755);
    mount_or_say("overlay", ROOT, "lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work");
    for (size_t i = 0; i < sizeof ABOVE_THE_HOST / sizeof *ABOVE_THE_HOST; i++)
        mount_or_say(ABOVE_THE_HOST[i].type, ABOVE_THE_HOST[i].target, ABOVE_THE_HOST[i].options);
    mount_or_say("hostfs", ROOT "/run/lane", lane);
}

/* What a device manager would make; the kernel has none running. */
static void make_devices(void)
{
    mkdir(ROOT "/dev/net", 0755);
    mknod(ROOT "/dev/net/tun", S_IFCHR | 0666, makedev(10, 200));
    if (symlink("/proc/self/fd", ROOT "/dev/fd") || symlink("fd/0", ROOT "/dev/stdin")
        || symlink("fd/1", ROOT "/dev/stdout") || symlink("fd/2", ROOT "/dev/stderr"))
        perror("lane: links in /dev");
}

static void raise_loopback(void)
{
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};

    if (ioctl(s, SIOCSIFFLAGS, &lo))
        perror("lane: loopback");
    close(s);
}

static void enter_root(void)
{
    if (chdir(ROOT) || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
        perror("lane: entering the root");
}

static int run_command(void)
{
    int status = 0;
    pid_t ended, command = fork();

    if (command == 0) {
        setsid();
        execl("/bin/sh", "sh", "/run/lane/command", (char *)NULL);
        _exit(127);
    }
    do /* orphans come to PID 1, and are reaped here */
        ended = wait(&status);
    while (ended != command && ended >= 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void report_status(int status)
{
    FILE *report = fopen("/run/lane/status", "w");

    if (report == NULL || fprintf(report, "%d\n", status) < 0 || fclose(report))
        perror("lane: /run/lane/status");
}

int main(void)
{
    const char *boot = getenv("BOOT");
    bool systemd_follows = boot != NULL && strcmp(boot, "systemd") == 0;
    int status;

    lay_root(getenv("LANE"));
    make_devices();
    raise_loopback();
    enter_root();
    clearenv();
    setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
    setenv("HOME", "/root", 1);
    setenv("LANG", "C.UTF-8", 1);
    setenv("TERM", "dumb", 1);
    status = run_command();
    if (systemd_follows && status == 0) {
        execl("/lib/systemd/systemd", "systemd", (char *)NULL);
        perror("lane: /lib/systemd/systemd");
        status = 125;
    }
    report_status(status);
    sync();
    return reboot(RB_POWER_OFF);
}
