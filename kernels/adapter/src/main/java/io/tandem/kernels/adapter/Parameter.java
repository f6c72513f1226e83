package io.tandem.kernels.adapter;

/**
 * Numbers of a module that belong together, and learn at the same rate.
 *
 * @param name in PEFT's files, for example {@code lora_A}
 * @param values {@code [rows, columns]}, row by row
 */
public record Parameter(String name, int rows, int columns, float[] values) {
    public Parameter {
        if (values.length != rows * columns) {
            throw new IllegalArgumentException(
                    name + " has " + values.length + " numbers, expected [" + rows + ", " + columns + "]");
        }
    }
}
