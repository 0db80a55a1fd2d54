package braid_test
import ("context";"testing";"errors";"time";"fmt"; b "github.com/braid-go/braid")
func TestSmoke(t *testing.T){
 ctx:=context.Background()
 err:=b.Run(ctx,func(ctx context.Context,g *b.Group) error{
  t1:=b.Go(g,func(ctx context.Context)(int,error){ return 5, b.Sleep(ctx,time.Millisecond)})
  v,err:=t1.Wait(ctx); fmt.Println(v,err,t1.Path(),t1.State())
  xs,err:=b.Gather(ctx,func(ctx context.Context)(int,error){return 1,nil},func(ctx context.Context)(int,error){return 2,nil}); fmt.Println(xs,err)
  x,err:=b.FirstSuccess(ctx,func(ctx context.Context)(int,error){return 0,errors.New("boom")},func(ctx context.Context)(int,error){return 2,b.Sleep(ctx,5*time.Millisecond)},func(ctx context.Context)(int,error){return 3,b.Sleep(ctx,time.Hour)}); fmt.Println(x,err)
  for v,err:=range b.Map(ctx,func(yield func(int)bool){for i:=range 10{if !yield(i){return}}},3,func(ctx context.Context,i int)(int,error){ if i==4{return 0,errors.New("four")}; return i*i,nil}) {fmt.Print(v,err," ")}
  fmt.Println(b.Timeout(ctx,time.Millisecond,func(ctx context.Context) error{ return b.Sleep(ctx,time.Hour)}))
  g.Go(func(ctx context.Context) error{ return errors.New("bad")},b.Name("x"))
  g.Go(func(ctx context.Context) error{ <-ctx.Done(); fmt.Println(context.Cause(ctx)); return ctx.Err()},b.Name("y"))
  return b.Sleep(ctx,time.Hour)
 })
 fmt.Println(err)
}
