/* Descriptors for server reflection; the include path finds the files. */
    .section .rodata
#define BLOB(sym, file)   \
    .global sym;          \
    .global sym##_end;    \
    sym: .incbin file;    \
    sym##_end: .byte 0;
BLOB(desc_fluxion, "fluxion.desc")
BLOB(desc_health, "health.desc")
BLOB(desc_reflection, "reflection.desc")
    .section .note.GNU-stack,"",@progbits
