/// The files by which modprobe, and udev through libkmod, find modules. An initramfs has them for the modules in it
/// only; with more modules, all are needed anew.
enum ModuleIndexFiles {
    /// What libkmod reads to load a module by its name or a device's alias (libkmod.c), and systemd for device nodes.
    static let essential = [
        "modules.dep", "modules.dep.bin", "modules.alias.bin", "modules.builtin.bin", "modules.builtin.alias.bin",
        "modules.softdep", "modules.devname",
    ]
    /// What it reads for other questions.
    static let other = ["modules.symbols.bin", "modules.builtin", "modules.builtin.modinfo", "modules.order"]
    /// What is read if there is no binary form: by busybox, and by module-init-tools.
    static let texts = [("modules.alias", "modules.alias.bin"), ("modules.symbols", "modules.symbols.bin")]
}
