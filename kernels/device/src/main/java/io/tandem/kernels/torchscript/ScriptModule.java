package io.tandem.kernels.torchscript;

import ai.djl.engine.EngineException;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.IValue;
import ai.djl.pytorch.jni.IValueUtils;
import ai.djl.pytorch.jni.JniUtils;
import io.tandem.kernels.KernelException;
import io.tandem.kernels.tensor.TensorScope;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/** A compiled TorchScript module whose methods can be called; it holds no state between calls. */
public final class ScriptModule implements AutoCloseable {
    private static final String MISSING_OPERATOR = "Unknown builtin op: ";

    private final TensorScope scope;
    private final PtSymbolBlock block;

    private ScriptModule(TensorScope scope, PtSymbolBlock block) {
        this.scope = scope;
        this.block = block;
    }

    /**
     * Compiles sources of this project. Builds of libtorch differ in their operators, and nothing compiles that names
     * one that is missing: where that happens, each source {@code x.py} with a stand-in {@code x_absent.py} is replaced
     * by it. A stand-in has the same classes and functions, which throw when they are called.
     *
     * @param parent outlives the module
     * @param className of the module, for example {@code __torch__.tandem.decoder.Decoder}
     * @param sources every file that the module reaches, as a path below {@code src/main/torchscript}
     */
    public static ScriptModule load(TensorScope parent, String className, List<String> sources) {
        try {
            return load(parent, className, read(sources));
        } catch (KernelException e) {
            if (!String.valueOf(e.getMessage()).contains(MISSING_OPERATOR)) {
                throw e;
            }
            return load(parent, className, read(sources, ScriptModule::orStandIn));
        }
    }

    private static String orStandIn(String source) {
        String standIn = source.replaceFirst("\\.py$", "_absent.py");
        return ScriptArchive.exists(standIn) ? standIn : source;
    }

    /** The text of sources of this project, by path. */
    public static Map<String, String> read(List<String> sources) {
        return read(sources, source -> source);
    }

    private static Map<String, String> read(List<String> sources, UnaryOperator<String> from) {
        Map<String, String> texts = new LinkedHashMap<>();
        sources.forEach(source -> texts.put(source, ScriptArchive.read(from.apply(source))));
        return texts;
    }

    /**
     * Compiles sources.
     *
     * @param parent outlives the module
     * @param className of the module, for example {@code __torch__.tandem.decoder.Decoder}
     * @param sources the text of every file that the module reaches, by its path
     */
    public static ScriptModule load(TensorScope parent, String className, Map<String, String> sources) {
        byte[] archive = ScriptArchive.pack(className, sources);
        TensorScope scope = parent.open();
        try {
            return new ScriptModule(
                    scope, JniUtils.loadModule(scope.manager(), new ByteArrayInputStream(archive), false, false));
        } catch (IOException e) {
            scope.close();
            throw new UncheckedIOException(e);
        } catch (EngineException e) {
            scope.close();
            throw new KernelException("cannot compile " + className + ": " + e.getMessage(), e);
        }
    }

    /**
     * Calls a method in inference mode.
     *
     * @return owned by {@code results}
     * @throws KernelException with the TorchScript file and line where it failed
     */
    public IValue call(TensorScope results, String method, IValue... arguments) {
        // It would compile anew for every shape, and iterations never stop changing shape. Each thread has its own.
        JniUtils.setGraphExecutorOptimize(false);
        try {
            return results.own(IValueUtils.runMethod(block, method, arguments));
        } catch (EngineException e) {
            throw new KernelException(method + " failed: " + e.getMessage(), e);
        }
    }

    /** The module as DJL sees it, for running its {@code forward} with autograd. */
    public PtSymbolBlock block() {
        return block;
    }

    @Override
    public void close() {
        block.close();
        scope.close();
    }
}
