package io.tandem.kernels.decoder;

import io.tandem.kernels.torchscript.ScriptModule;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;

/**
 * The decoder's sources on libtorch's meta device, whose tensors have shapes but no values: reading one fails. Operators
 * that the device lacks come from {@code meta/kernels.py}, and so does a check of every tensor that the sources make or
 * move. What the host reads is zeros.
 */
final class MetaScript {
    private static final String KERNELS = "__torch__/meta/kernels.py";
    private static final String HOST = "__torch__/tandem/host.py";
    private static final Pattern LACKING =
            Pattern.compile("torch\\.(index_select|embedding|layer_norm|native_layer_norm|"
                    + "native_layer_norm_backward|roll|scaled_dot_product_attention|embedding_bag|searchsorted|bucketize|abs|abs_|isfinite|logical_not|nan_to_num_|where|"
                    + "_fused_adam_|_fused_adamw_)\\(");
    private static final Pattern MADE = Pattern.compile("torch\\.(zeros|ones|empty|full|arange|tensor|to)\\(");

    private MetaScript() {}

    /** @param change of the text of each source */
    static DecoderScript load(UnaryOperator<String> change) {
        Map<String, String> sources = new TreeMap<>();
        DecoderScript.sources().forEach((path, text) -> sources.put(path, edit(path, change.apply(text))));
        sources.putAll(ScriptModule.read(List.of(KERNELS)));
        return new DecoderScript("meta", sources);
    }

    private static String edit(String path, String text) {
        if (path.equals(HOST)) {
            return text.replace("torch.to(x, torch.device(\"cpu\"))", "__torch__.meta.kernels.read(x)");
        }
        return checked(LACKING.matcher(text).replaceAll("__torch__.meta.kernels.$1("));
    }

    /** Puts a check around every call that makes or moves a tensor. */
    private static String checked(String text) {
        StringBuilder checked = new StringBuilder(text);
        int from = 0;
        for (var call = MADE.matcher(checked); call.find(from); call = MADE.matcher(checked)) {
            checked.insert(end(checked, call.end()), ')');
            checked.insert(call.start(), "__torch__.meta.kernels.here(");
            from = call.end() + "__torch__.meta.kernels.here(".length();
        }
        return checked.toString();
    }

    /** Where the call ends whose arguments begin there. */
    private static int end(CharSequence text, int from) {
        int open = 1;
        int at = from;
        while (open > 0) {
            char next = text.charAt(at++);
            open += next == '(' ? 1 : next == ')' ? -1 : 0;
        }
        return at;
    }
}
