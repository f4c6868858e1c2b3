/// Ways to make a filesystem, and sizes for them. mtools takes what has fewer than 65525 clusters for FAT16.
enum OptionSets {
    static let all: [(options: String, size: String)] = [
        ("-F 12 -r 224", "1440K"),
        ("-F 12 -s 8", "8M"),
        ("-F 16 -s 1", "4M"),
        ("-F 16 -s 4 -r 512 -n LABEL -i 1234ABCD", "20M"),
        ("-F 16 -S 4096 -s 1", "40M"),
        ("-F 16 -f 1 -S 1024 -s 1 -R 4", "16M"),
        ("-F 32 -s 1 -n EFI", "40M"),
        ("-F 32 -s 8", "280M"),
        ("-F 32 -S 2048 -s 1 -f 1", "140M"),
        ("-F 32 -S 4096 -s 1 -a", "280M"),
    ]
}
