package io.tandem.kernels.adapter.merge;

/** Order statistics without sorting. */
final class Selection {
    /** Longer ranges are narrowed by a sample first. */
    private static final int SAMPLED = 600;

    private Selection() {}

    /**
     * The value that would stand at an index if the values were sorted (Floyd and Rivest, 1975). Reorders the values.
     */
    static double select(double[] values, int index) {
        narrow(values, 0, values.length - 1, index);
        return values[index];
    }

    private static void narrow(double[] values, int from, int to, int index) {
        int left = from;
        int right = to;
        while (right > left) {
            if (right - left > SAMPLED) {
                double n = right - left + 1.0;
                double position = index - left + 1.0;
                double size = 0.5 * Math.exp(2 * Math.log(n) / 3);
                double spread = 0.5 * Math.sqrt(Math.log(n) * size * (n - size) / n) * Math.signum(position - n / 2);
                int low = Math.max(left, (int) (index - position * size / n + spread));
                int high = Math.min(right, (int) (index + (n - position) * size / n + spread));
                narrow(values, low, high, index);
            }
            int split = partition(values, left, right, index);
            left = split <= index ? split + 1 : left;
            right = split >= index ? split - 1 : right;
        }
    }

    /** Splits around the value at an index; returns where that value ends up. */
    private static int partition(double[] values, int left, int right, int index) {
        double pivot = values[index];
        swap(values, left, index);
        if (values[right] > pivot) {
            swap(values, left, right);
        }
        int i = left;
        int j = right;
        while (i < j) {
            swap(values, i++, j--);
            while (values[i] < pivot) {
                i++;
            }
            while (values[j] > pivot) {
                j--;
            }
        }
        if (values[left] == pivot) {
            swap(values, left, j);
            return j;
        }
        swap(values, j + 1, right);
        return j + 1;
    }

    private static void swap(double[] values, int i, int j) {
        double value = values[i];
        values[i] = values[j];
        values[j] = value;
    }
}
